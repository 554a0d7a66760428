"""The Library tab and panel, in a real browser, over two thousand pictures that lie on disk before
the studio starts."""

from __future__ import annotations

import re
import time
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.domain.events import Picture
from studio.domain.request import GenerationRequest
from studio.gallery.files import encode
from studio.web import create_app
from tests import waiting
from tests.conftest import Served, servers
from tests.ui.using import generate, open_tab, status, wait_for

MANY = 2000
PER_DAY = 40


def prompt_of(number: int) -> str:
    return f"a lighthouse, number{number}"


def write(outputs: Path, number: int) -> None:
    """The picture `number` of MANY, the last of them made today."""
    day = date.today() - timedelta(days=(MANY - 1 - number) // PER_DAY)
    size = ((64, 64), (96, 64), (64, 96))[number % 3]
    request = GenerationRequest(
        prompt=prompt_of(number), seed=number, width=size[0], height=size[1], batch_size=1
    )
    image = Image.new("RGB", size, (number % 256, number // 8, 90))
    path = outputs / day.isoformat() / f"{number + 1:05}-{number}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(Picture(image=image, seed=number, request=request, infotext="")))


@pytest.fixture(scope="module")
def one_studio(tmp_path_factory, engine) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("library")
    for number in range(MANY):
        write(folder / "outputs", number)
    with servers(folder) as start:
        served = start(engine, app=create_app)
        until_s = time.monotonic() + 60
        while found(served, limit=1)["total"] < MANY:
            assert time.monotonic() < until_s, "the pictures on disk were not taken in"
            time.sleep(0.05)
        yield served


def found(served: Served, **filters) -> dict:
    return served.http.get("/studio/v1/images", params=filters).raise_for_status().json()


def open_library(page) -> None:
    page.locator(".tabs a[href='#library']").click()
    page.locator(".picture").first.wait_for()


def open_tab_named(page, name: str) -> None:
    page.locator(f".tabs a[href='#{name}']").click()


def search(page, words: str, count: str) -> None:
    """Search, and wait until so many are told to be there."""
    page.get_by_label("Search the library").fill(words)
    counted(page, count)


def counted(page, words: str) -> None:
    page.locator(".library-count", has_text=re.compile(f"^{words}$")).wait_for()


def tile(page, number: int):
    return page.locator(f".picture[title='{prompt_of(number)}']")


def active(page) -> str:
    """The prompt of the picture that the keys are at."""
    return page.evaluate("document.activeElement.title")


def do(page, label: str) -> None:
    page.get_by_role("toolbar").get_by_role("button", name=label, exact=True).click()


def test_of_two_thousand_few_are_in_the_page_and_keys_reach_them_all(visit):
    page = visit()
    open_library(page)
    counted(page, "2,000 pictures")
    newest = MANY - 1
    assert page.locator(".picture").first.get_attribute("title") == prompt_of(newest)
    assert page.locator(".day").first.inner_text() == "Today"
    assert page.locator(".picture").count() < 150
    page.keyboard.press("/")
    page.keyboard.press("ArrowDown")  # from the search into the pictures
    assert active(page) == prompt_of(newest)
    page.keyboard.press("ArrowRight")
    assert active(page) == prompt_of(newest - 1)
    below = page.evaluate("document.activeElement.getBoundingClientRect().bottom")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.getBoundingClientRect().top") > below
    page.keyboard.press("ArrowUp")
    assert active(page) == prompt_of(newest - 1)
    page.keyboard.press("End")
    tile(page, 0).wait_for()
    assert active(page) == prompt_of(0)
    assert page.locator(".picture").count() < 150
    page.keyboard.press("Home")
    assert active(page) == prompt_of(newest)


def test_what_is_drawn_here_is_found_there(visit, served):
    page = visit()
    generate(page, "a quiet harbour")
    wait_for(page, "finished")
    other = visit(width=1024)
    open_library(other)
    assert other.locator(".picture").first.get_attribute("title") == "a quiet harbour"
    search(other, "harbour", "1 picture")
    assert other.locator(".picture").count() == 1
    search(other, "harbour 100% 'of\" it", "0 pictures")
    other.get_by_role("button", name="Clear filters").last.click()
    counted(other, "2,001 pictures")
    tops = """() => [...document.querySelectorAll(".picture")]
      .map((one) => [one.title, one.getBoundingClientRect().top])"""
    other.locator(".library-grid").evaluate("grid => { grid.scrollTop = 3000; }")
    tile(other, MANY - 1).wait_for(state="detached")
    waiting.wait_for(lambda: len(other.evaluate(tops)) > 20, "the next page of pictures")
    before = dict(other.evaluate(tops))
    served.wait_until(served.submit(prompt="a second harbour", steps=2), "finished")
    other.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # as on coming back
    counted(other, "2,002 pictures")
    after = dict(other.evaluate(tops))
    assert len(before.keys() & after.keys()) > 20
    assert all(abs(after[one] - before[one]) < 2 for one in before.keys() & after.keys())
    for one in found(served, search="harbour")["images"]:
        served.http.delete(f"/studio/v1/images/{one['id']}", params={"forever": 1})


def test_stars_boards_and_notes_stay_and_each_step_can_be_undone(visit, served):
    page = visit()
    open_library(page)
    search(page, "number50", "11 pictures")  # number50 itself and number500 to number509
    tile(page, 50).click()
    page.keyboard.press("s")
    page.locator(".picture.starred").wait_for()
    page.keyboard.press("n")
    page.locator(".ask-field textarea").fill("for the cover")
    page.get_by_role("button", name="Keep it").click()
    page.locator(".library-said", has_text="Note kept").wait_for()
    tile(page, 500).click(modifiers=["Control"])
    do(page, "Put on a board")
    page.get_by_role("menuitem", name="New board…").click()
    page.get_by_label("Name of the board").fill("Lights & shores")
    page.keyboard.press("Enter")
    shelf = page.get_by_role("button", name="Lights & shores 2")
    shelf.wait_for()
    page.reload()
    shelf.click()
    counted(page, "2 pictures")
    [noted] = found(served, search="cover")["images"]
    assert (noted["seed"], noted["starred"], noted["boards"]) == (50, True, ["Lights & shores"])

    tile(page, 500).click()
    page.keyboard.press("1")  # the first board: off
    counted(page, "1 picture")
    page.get_by_role("button", name="Undo").click()
    counted(page, "2 pictures")
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.locator(".library-said", has_text="2 pictures moved to the trash").wait_for()
    page.get_by_role("heading", name="Nothing found").wait_for()
    assert found(served)["total"] == MANY - 2
    page.get_by_role("button", name="Undo").click()
    counted(page, "2 pictures")
    assert found(served)["total"] == MANY

    tile(page, 500).click()
    page.keyboard.press("Delete")
    page.get_by_role("button", name="Trash").click()
    counted(page, "1 picture")
    tile(page, 500).click()
    do(page, "Restore")
    page.get_by_role("heading", name="The trash is empty").wait_for()
    assert found(served)["total"] == MANY


def test_cull_mode_stars_deletes_and_takes_back(visit, served):
    page = visit()
    open_library(page)
    search(page, "number77", "11 pictures")
    do(page, "Cull one by one")
    shown = page.locator(".cull-words")
    assert page.locator(".cull-place").inner_text() == "1 of 11"
    first = shown.inner_text()
    page.keyboard.press("s")
    page.locator(".cull [data-action=star][aria-pressed=true]").wait_for()
    page.keyboard.press("ArrowRight")
    second = shown.inner_text()
    page.keyboard.press("Delete")
    page.locator(".cull-place", has_text="2 of 10").wait_for()
    assert shown.inner_text() not in (first, second)
    page.keyboard.press("Control+z")
    page.locator(".cull-place", has_text="of 11").wait_for()
    assert found(served, search="number77")["total"] == 11
    assert found(served, search="number77", starred=True)["total"] == 1
    page.keyboard.press("Escape")
    assert page.locator(".cull").is_hidden()
    assert "a lighthouse" in active(page)


def test_settings_of_one_of_a_batch_are_those_of_this_one_alone(visit, served):
    job = served.submit(prompt="three sisters", batch_size=3, seed=40, steps=2, width=64, height=64)
    images = served.wait_until(job, "finished")["images"]
    page = visit()
    open_library(page)
    search(page, "sisters", "3 pictures")
    page.locator(".picture").first.click()  # the newest, and last of the batch
    do(page, "Use these settings")
    page.locator(".undo:visible").wait_for()
    assert page.locator("#prompt").input_value() == "three sisters"
    assert page.locator("#seed").input_value() == str(images[-1]["seed"]) == "42"
    assert page.locator("#batch_size").input_value() == "1"
    for image in images:
        served.http.delete(f"/studio/v1/images/{image['id']}", params={"forever": 1})


INFOTEXT = "an old mill\nSteps: 7, Sampler: Euler a, CFG scale: 5, Seed: 77, Size: 64x64"
DROP = """
([where, names, data]) => {
  const transfer = new DataTransfer();
  for (const [name, text] of names) {
    const bytes = text ?? Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
    transfer.items.add(new File([bytes], name));
  }
  const how = { dataTransfer: transfer, bubbles: true, cancelable: true };
  const taken = new DragEvent("drop", how);
  document.querySelector(where).dispatchEvent(taken);
  return taken.defaultPrevented;
}
"""


def test_files_of_other_studios_join_and_two_are_saved_as_a_zip(visit, served, tmp_path):
    mill = tmp_path / "mill.png"
    texts = PngInfo()
    texts.add_text("parameters", INFOTEXT)
    Image.new("RGB", (64, 64), "brown").save(mill, pnginfo=texts)
    page = visit()
    open_library(page)
    data = b64encode(mill.read_bytes()).decode()
    names = [["mill.png", None], ["broken.png", "no picture"], ["words.txt", "words"]]
    assert page.evaluate(DROP, [".library", names, data])
    page.locator(".importing p", has_text="1 picture joined the library").wait_for()
    told = page.locator(".importing").inner_text()
    assert "Settings were read in 1: 1 of AUTOMATIC1111" in told
    assert "1 other file was left out" in told
    assert "broken.png: " in told
    tile_of_mill = page.locator(".picture[title='an old mill']")
    tile_of_mill.click()
    page.locator(".picture").nth(1).click(modifiers=["Control"])
    with page.expect_download() as saved:
        do(page, "Download")
    with zipfile.ZipFile(saved.value.path()) as archive:
        assert len(archive.namelist()) == 2
        assert mill.read_bytes() in [archive.read(name) for name in archive.namelist()]
    [mine] = found(served, search="mill")["images"]
    assert (mine["seed"], mine["width"]) == (77, 64)
    open_tab(page, "text_to_image")  # where no part of the page takes files
    assert page.evaluate(DROP, [".viewer", names, data]), "the browser would open the file"
    served.http.delete(f"/studio/v1/images/{mine['id']}", params={"forever": 1})


def test_a_picture_is_dragged_from_the_panel_to_the_canvas(visit):
    page = visit()
    open_tab(page, "image_to_image")
    page.get_by_role("button", name="Library beside the picture").click()
    page.get_by_label("Search the library").fill("number123")
    tile(page, 123).wait_for()
    tile(page, 123).drag_to(page.locator(".source.image_to_image"))
    page.locator(".source.image_to_image .canvas[data-state=ready]").wait_for()
    shown = page.locator(".source.image_to_image .canvas-world img")
    assert "/studio/v1/images/" in shown.get_attribute("src")
    # What came along when the tab was opened gives way to it.
    size = "img => img.naturalWidth === 64 && img.naturalHeight === 64"
    page.wait_for_function(size, arg=shown.element_handle())
    open_tab_named(page, "controlnet")
    tile(page, 1230).drag_to(page.locator(".unit-picture").first)
    page.locator(".unit-picture img[src*='/studio/v1/images/']").first.wait_for()
    open_tab(page, "image_to_image")
    tile(page, 123).click()  # it stands beside the picture: there it is shown
    page.locator(".frame img[alt='a lighthouse, number123']").wait_for()
    page.reload()  # the panel is open, as it was left
    page.locator(".picture").first.wait_for()
    assert status(page) is not None


def test_on_a_phone_a_finger_that_rests_marks_and_targets_are_large(visit):
    page = visit(width=390, height=844, has_touch=True, is_mobile=True)
    open_library(page)
    box = page.locator(".picture").nth(1).bounding_box()
    touch = page.context.new_cdp_session(page).send
    at = {"x": box["x"] + 20, "y": box["y"] + 20}
    touch("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [at]})
    page.locator(".picture[aria-selected=true]").wait_for()
    touch("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.locator(".picture").nth(2).tap()
    counted(page, "2 selected of 2,000 pictures")
    small = page.evaluate(
        """[...document.querySelectorAll(".library :is(button, input)")]
          .filter((one) => one.checkVisibility() && !one.closest(".picture"))
          .map((one) => [one.ariaLabel ?? one.textContent, one.getBoundingClientRect()])
          .filter(([, { width, height }]) => width < 40 || height < 40)
          .map(([name]) => name)"""
    )
    assert small == []
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    do(page, "Select none")
    page.locator(".picture").nth(2).tap()
    page.locator("dialog[open] img").first.wait_for()  # its own page

"""The strip is the library's newest; each picture stands with its own words."""

from __future__ import annotations

from studio.store.finding import Filters
from tests.ui.using import (
    generate,
    open_tab,
    set_number,
    shown_id,
    status,
    wait_for,
    wait_for_step,
)


def wait_for_tiles(page, count: int) -> None:
    page.wait_for_function(
        "count => document.querySelectorAll('.strip .tile[data-id]').length === count", arg=count
    )


def words(page) -> str:
    return page.locator(".own-words").inner_text()


def ids_of(served) -> list[str]:
    """Of all pictures, newest first."""
    return [picture.id for job in served.studio.queue.jobs() for picture in reversed(job.pictures)][
        ::-1
    ]


def test_a_picture_stands_with_its_own_words_and_gives_its_own_settings(visit, served):
    page = visit()
    page.locator("button.fold").click()
    page.get_by_label("Negative prompt", exact=True).fill("blurry")
    set_number(page, "batch_size", 3)
    generate(page, "a red house, " * 60)
    wait_for(page, "finished")
    assert words(page).startswith("a red house, ")
    assert "Without: blurry" in words(page) and "picturebook" in words(page)
    prompt = page.locator(".own-words button")
    height = prompt.bounding_box()["height"]
    prompt.click()
    assert prompt.bounding_box()["height"] > height  # all of it
    prompt.click()
    page.get_by_label("Negative prompt", exact=True).fill("")
    set_number(page, "batch_size", 1)
    generate(page, "a boat")
    wait_for(page, "finished")
    assert words(page).split() == ["a", "boat", "picturebook"]

    set_number(page, "batch_size", 4)
    page.locator(".strip .tile").nth(2).click()
    page.wait_for_function("document.querySelector('.own-words').innerText.includes('blurry')")
    [of_three, _] = served.studio.queue.jobs()
    is_shown = "id => document.querySelector('.frame img').src.endsWith(id)"
    page.wait_for_function(is_shown, arg=of_three.pictures[1].id)
    assert "Finished" not in status(page)  # that was another one
    page.get_by_role("button", name="Reuse seed").click()
    assert page.locator("#seed").input_value() == str(of_three.pictures[1].seed)
    assert page.locator("#batch_size").input_value() == "1"
    page.locator(".viewer .undo").click()
    assert page.locator("#batch_size").input_value() == "4"
    page.get_by_role("button", name="Use these settings").click()
    assert page.locator("#seed").input_value() == str(of_three.pictures[1].seed)
    assert page.locator("#batch_size").input_value() == "1"
    assert page.get_by_label("Negative prompt", exact=True).input_value() == "blurry"


def test_the_strip_is_the_same_everywhere_and_what_is_deleted_comes_back(visit, served):
    page = visit()
    for prompt in ("one", "two", "three"):
        generate(page, prompt)
        wait_for(page, "finished")
        page.get_by_role("button", name="Delete", exact=True).wait_for()
    wait_for_tiles(page, 3)
    other = visit(1024, 768)
    wait_for_tiles(other, 3)
    assert shown_id(other) == ids_of(served)[0]  # where it was left, not a demo
    assert not other.locator(".welcome").is_visible()
    assert words(other).startswith("three")

    other.locator(".strip .tile-place").nth(1).hover()
    other.locator(".strip .tile-away").nth(1).click()
    wait_for_tiles(other, 2)
    other.keyboard.press("Delete")  # the one in sight; the next takes its place
    wait_for_tiles(other, 1)
    other.wait_for_function("document.querySelector('.own-words').innerText.startsWith('one')")
    other.locator(".viewer .undo").click()
    wait_for_tiles(other, 2)
    other.wait_for_function("document.querySelector('.own-words').innerText.startsWith('three')")
    assert [row.prompt for row in served.studio.library.page(Filters(), 9).rows] == ["three", "one"]

    open_tab(other, "image_to_image")
    other.locator(".strip .tile").nth(1).drag_to(other.locator(".source.image_to_image"))
    other.locator(".source.image_to_image .canvas[data-state=ready]").wait_for()


def test_a_picture_that_ended_elsewhere_is_announced(visit, served, slow):
    page = visit()
    generate(page, "first")
    wait_for(page, "finished")
    set_number(page, "steps", 60)
    generate(page, "second")
    wait_for_step(page)
    page.locator(".strip .tile[data-id]").first.click()
    page.wait_for_function("document.querySelector('.own-words').innerText.startsWith('first')")
    assert status(page).startswith("Meanwhile: ")
    slow()
    chip = page.get_by_role("button", name="New picture ready")
    chip.wait_for()
    assert status(page) == "" and words(page).startswith("first")
    chip.click()
    page.wait_for_function("document.querySelector('.own-words').innerText.startsWith('second')")
    assert not chip.is_visible()

    served.wait_until(served.submit(prompt="by a script", width=64, height=64), "finished")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    chip.wait_for()
    wait_for_tiles(page, 3)
    chip.click()
    page.wait_for_function("document.querySelector('.own-words').innerText.startsWith('by a')")

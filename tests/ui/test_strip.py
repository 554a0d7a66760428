"""The strip is the library's newest; each picture stands with its own words."""

from __future__ import annotations

import pytest

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
    strip = other.locator(".strip")
    assert not strip.is_visible()  # a small window's room is the picture's
    other.get_by_role("button", name="Recent pictures beside the picture").click()
    strip.wait_for()

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


def test_a_finger_goes_from_result_to_result(visit, served):
    for prompt in ("one", "two"):
        served.wait_until(served.submit(prompt=prompt, width=64, height=64), "finished")
    page = visit(width=390, height=844, has_touch=True, is_mobile=True)
    is_shown = "words => document.querySelector('.own-prompt').innerText === words"
    page.wait_for_function(is_shown, arg="two")
    box = page.locator(".frame").bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    send = page.context.new_cdp_session(page).send

    def swipe(across: int) -> None:
        for kind, by in (("touchStart", 0), ("touchMove", across / 2), ("touchMove", across)):
            points = [{"x": middle[0] + by, "y": middle[1]}]
            send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    swipe(-30)  # not far enough
    swipe(-120)
    page.wait_for_function(is_shown, arg="one")
    swipe(-120)  # there is none older
    swipe(120)
    page.wait_for_function(is_shown, arg="two")
    assert page.locator(".frame").bounding_box()["x"] == box["x"]


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


@pytest.mark.slow
def test_sixty_pictures_leave_nothing_behind_in_the_page(visit, served):
    for _ in range(60):
        last = served.submit(prompt="a house", width=64, height=64, steps=2)
    served.wait_until(last, "finished")
    page = visit()
    wait_for_tiles(page, 60)
    set_number(page, "steps", 4)
    send = page.context.new_cdp_session(page).send
    send("Performance.enable")

    def held() -> dict[str, float]:
        """MB of the heap, nodes and listeners, once all that nobody needs is gone."""
        for _ in range(3):
            send("HeapProfiler.collectGarbage")
        metrics = {one["name"]: one["value"] for one in send("Performance.getMetrics")["metrics"]}
        names = ("Nodes", "JSEventListeners")
        return {"MB": metrics["JSHeapUsedSize"] / 1e6} | {name: metrics[name] for name in names}

    def draw(count: int) -> dict[str, float]:
        for number in range(count):
            before = shown_id(page)
            generate(page, f"a boat, {number}")
            page.wait_for_function(
                "id => document.querySelector('.viewer').dataset.state === 'finished' && "
                "document.querySelector('.frame img').src.includes('/studio/v1/images/') && "
                "!document.querySelector('.frame img').src.endsWith(id)",
                arg=before,
            )
        wait_for_tiles(page, 60)
        return held()

    first = draw(10)
    then = draw(60)
    print(first, then)
    assert then["MB"] < first["MB"] + 1
    assert then["Nodes"] < 1.05 * first["Nodes"]
    assert then["JSEventListeners"] < 1.05 * first["JSEventListeners"]

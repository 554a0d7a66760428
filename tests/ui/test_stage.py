"""The stage: what part of the window a picture gets, and how one moves in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ui.painting import Canvas, picture_file
from tests.ui.using import (
    generate,
    open_tab,
    paint,
    send_to,
    set_number,
    shown_id,
    unfold,
    wait_for,
)

SQUARE, PHOTO = 0.45, 0.60
"""Least shares of a window of 1440 × 900, with the settings folded away."""
IS_PHOTO = "at => document.querySelector(at).naturalWidth === 1536"


def share(page, selector: str) -> float:
    """What part of the window the whole picture covers."""
    box, window = page.locator(selector).bounding_box(), page.viewport_size
    left, top = box["x"], box["y"]
    right, bottom = left + box["width"], top + box["height"]
    assert left >= 0 and top >= 0 and right <= window["width"] and bottom <= window["height"]
    return box["width"] * box["height"] / (window["width"] * window["height"])


def is_clear(page, selector: str, of: str) -> bool:
    """Does nothing that matches `selector` lie over `of`?"""
    place = page.locator(of).bounding_box()
    boxes = [one.bounding_box() for one in page.locator(selector).all() if one.is_visible()]
    sides = (("x", "width"), ("y", "height"))

    def overlaps(box: dict) -> bool:
        return all(
            box[at] < place[at] + place[size] and place[at] < box[at] + box[size]
            for at, size in sides
        )

    return bool(boxes) and not any(map(overlaps, boxes))


def test_the_picture_gets_what_the_window_gives(visit, tmp_path: Path):
    page = visit()
    generate(page)
    wait_for(page, "finished")
    shown_id(page)
    assert share(page, ".frame") >= SQUARE  # with the settings open, too
    place = page.locator(".frame").bounding_box()
    send_to(page, "inpaint")
    assert page.locator(".source.inpaint .canvas-world img").bounding_box() == place
    assert is_clear(page, ".views, .canvas-zoom", ".source.inpaint .canvas-world img")
    page.locator(".canvas[data-kind=inpaint] .canvas-port").focus()
    page.keyboard.press("\\")
    page.locator("#settings").wait_for(state="hidden")
    assert share(page, ".source.inpaint .canvas-world img") >= SQUARE
    with page.expect_file_chooser() as chooser:
        Canvas(page, "inpaint").button("Choose another picture").click()
    chooser.value.set_files(str(picture_file(tmp_path, (1536, 1024))))
    for kind in ("inpaint", "image_to_image", "outpaint", "upscale", "details"):
        open_tab(page, kind)
        page.wait_for_function(IS_PHOTO, arg=f".source.{kind} .canvas-world img")
        assert share(page, f".source.{kind} .canvas-world img") >= PHOTO, kind
    page.locator(".fold-settings").click()
    assert is_clear(page, ".views, .canvas-zoom", ".source.details .canvas-world img")
    page.locator(".fold-settings").click()
    open_tab(page, "text_to_image")
    set_size(page, 192, 128)
    generate(page)
    wait_for(page, "finished")
    page.locator(".frame img[src*='/studio/v1/images/']").wait_for()
    assert share(page, ".frame") >= PHOTO
    page.reload()
    page.locator("#generate").wait_for()
    page.locator("#settings").wait_for(state="hidden")  # as it was left
    page.get_by_role("button", name="Settings beside the picture").click()
    page.locator("#settings").wait_for()


def set_size(page, width: int, height: int) -> None:
    page.locator(".fold-settings").click()
    unfold(page, "Size")
    set_number(page, "width", width)
    set_number(page, "height", height)
    page.locator(".fold-settings").click()


def width(page, selector: str) -> float:
    return page.locator(selector).bounding_box()["width"]


def test_a_result_is_zoomed_moved_and_compared_as_a_canvas_is(visit):
    page = visit()
    generate(page)
    wait_for(page, "finished")
    shown_id(page)
    whole = page.locator(".frame").bounding_box()
    page.locator(".stage").click()
    page.keyboard.press("1")
    assert width(page, ".frame") == 128  # a pixel for a pixel
    assert page.locator(".stage .canvas-percent").inner_text() == "100 %"
    page.keyboard.press("0")
    assert page.locator(".frame").bounding_box() == whole
    page.mouse.move(whole["x"] + 100, whole["y"] + 100)
    page.mouse.wheel(0, -200)
    page.wait_for_function("wide => document.querySelector('.frame').offsetWidth > wide", arg=800)
    larger = page.locator(".frame").bounding_box()
    assert abs((whole["x"] + 100 - larger["x"]) / larger["width"] - 100 / whole["width"]) < 1e-3
    page.mouse.down()
    page.mouse.move(whole["x"] + 140, whole["y"] + 130, steps=4)
    assert page.locator("body.at-work").count() == 1
    page.mouse.up()
    moved = page.locator(".frame").bounding_box()
    assert (moved["x"] - larger["x"], moved["y"] - larger["y"]) == (40, 30)
    send_to(page, "inpaint")
    paint(page, (0.3, 0.5), (0.7, 0.5))
    generate(page)
    wait_for(page, "finished")
    shown_id(page)
    kept = page.locator(".frame").bounding_box()
    for side in ("x", "width"):  # the next one is seen there
        assert kept[side] == pytest.approx(moved[side], abs=1)
    page.locator(".views [data-view=compare]").click()
    line = page.get_by_role("slider", name="Before and after")
    line.wait_for()
    at = line.bounding_box()
    page.mouse.move(at["x"] + 1, 500)
    page.mouse.down()
    page.mouse.move(at["x"] + 1 - kept["width"] / 4, 500, steps=3)
    page.mouse.up()
    assert line.get_attribute("aria-valuenow") == "25"
    assert page.locator(".frame").bounding_box() == kept


def test_full_screen_keeps_prompt_and_generate(visit, served):
    page = visit()
    generate(page, "a boat")
    wait_for(page, "finished")
    shown_id(page)
    page.locator(".stage").click()
    page.keyboard.press("f")
    page.locator("#top-bar").wait_for(state="hidden")
    assert share(page, ".frame") >= SQUARE
    generate(page, "a tower")
    page.wait_for_function("() => document.querySelectorAll('.strip .tile').length === 2")
    assert served.studio.queue.jobs()[-1].request.prompt == "a tower"
    page.locator(".stage").click()
    page.keyboard.press("f")
    page.locator("#top-bar").wait_for()
    send_to(page, "inpaint")
    page.locator(".canvas[data-kind=inpaint] .canvas-port").focus()
    page.keyboard.press("f")
    page.locator("#top-bar").wait_for(state="hidden")
    paint(page, (0.3, 0.5), (0.7, 0.5))
    page.locator("#generate").click()
    wait_for(page, "finished")
    page.wait_for_function("() => document.querySelectorAll('.strip .tile').length === 3")
    assert served.studio.queue.jobs()[-1].request.task.kind == "inpaint"
    page.locator(".stage [data-do=full-screen]").click()
    page.locator("#top-bar").wait_for()


def test_all_tabs_are_in_sight_or_behind_more(visit, axe):
    page = visit(width=1280)
    tabs, name = page.locator(".tabs"), page.locator("#checkpoint-value")
    for width in (1280, 1366, 1440, 1536, 1600, 1920):
        page.set_viewport_size({"width": width, "height": 800})
        for text in ("picturebook", "a checkpoint whose name is rather long"):
            name.evaluate("(element, text) => (element.textContent = text)", text)
            assert tabs.evaluate("row => row.scrollWidth <= row.clientWidth"), (width, text)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    more = page.get_by_role("button", name="More", exact=True)
    more.focus()
    page.keyboard.press("Enter")
    page.evaluate(axe)
    report = page.evaluate("axe.run('.tabs', {resultTypes: ['violations']})")
    assert report["violations"] == []
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator("body[data-tab=dataset]").wait_for()
    assert more.get_attribute("class") == "tabs-more current"
    assert not page.locator("#more-tabs").is_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    last = page.locator(".tabs").get_by_role("link", name="Safety")
    last.click()
    page.locator("body[data-tab=safety]").wait_for()
    assert last.get_attribute("aria-current") == "page" and not more.is_visible()


def test_the_row_of_tabs_shows_that_it_goes_on(visit):
    page = visit(width=1024, height=768)
    after, before = page.locator(".tabs .edge-after"), page.locator(".tabs .edge-before")
    after.wait_for()
    assert not before.is_visible()
    # With the mouse, as somebody would: `click` scrolls to what it clicks, and that is the row.
    box = after.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    before.wait_for()
    after.wait_for(state="hidden")  # a click meanwhile would end the scrolling
    page.locator(".tabs a[href='#models']").click()
    page.locator("body[data-tab=models]").wait_for()

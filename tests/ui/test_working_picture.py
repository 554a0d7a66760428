"""One picture is worked on, whatever the tool: it comes along, and every step goes back."""

from __future__ import annotations

import base64
import json

import numpy as np

from tests.ui.painting import Canvas, assert_same, picture_file
from tests.ui.using import (
    generate,
    open_tab,
    paint,
    set_number,
    shown_id,
    status,
    view,
    wait_for,
)

_HAS_FOCUS = "at => document.activeElement.matches(at)"
_IN_CANVAS = """
([kind, id]) => document.querySelector(`.canvas[data-kind=${kind}][data-state=ready] img`)
  ?.src.endsWith(`/images/${id}`)
"""


def _wait_for_picture(page, kind: str, id: str) -> None:
    """Until the canvas of `kind` shows the picture `id` of the library."""
    page.wait_for_function(_IN_CANVAS, arg=[kind, id])


def _drawn(page, prompt: str) -> str:
    """Id of what Generate draws in the present tab."""
    before = page.locator(".strip .tile[data-id]").count()
    generate(page, prompt)
    page.wait_for_function(
        "count => document.querySelectorAll('.strip .tile[data-id]').length > count", arg=before
    )
    wait_for(page, "finished")
    return shown_id(page)


def _percent(page, kind: str) -> str:
    return page.locator(f".canvas[data-kind={kind}] .canvas-percent").inner_text()


def test_from_words_to_an_enlargement_without_choosing_a_source(visit, served):
    page = visit()
    set_number(page, "steps", 2)
    words = _drawn(page, "a house")
    open_tab(page, "inpaint")
    _wait_for_picture(page, "inpaint", words)
    assert status(page) == "The result is the picture now"
    inpaint = Canvas(page, "inpaint")
    paint(page, (0.3, 0.5), (0.7, 0.5))
    mask = inpaint.stored(served)
    # Another tool: the same picture, looked at in the same way; each has its own mask.
    page.keyboard.press("+")
    zoom = _percent(page, "inpaint")
    open_tab(page, "image_to_image")
    _wait_for_picture(page, "image_to_image", words)
    assert _percent(page, "image_to_image") == zoom
    open_tab(page, "inpaint")
    assert _percent(page, "inpaint") == zoom
    assert_same(inpaint.stored(served), mask)
    # The result in place of the picture, by one key and back again; the mask suits it, and stays.
    repainted = _drawn(page, "a tree")
    page.locator(".frame").click()
    page.keyboard.press("u")
    _wait_for_picture(page, "inpaint", repainted)
    assert (view(page), status(page)) == (
        "source",
        "The result is the picture now, under the same mask",
    )
    assert_same(inpaint.stored(served), mask)
    inpaint.button("Back to the earlier picture").click()
    _wait_for_picture(page, "inpaint", words)
    inpaint.button("To the later picture").click()
    _wait_for_picture(page, "inpaint", repainted)
    # Results are taken along to the next tool.
    open_tab(page, "outpaint")
    _wait_for_picture(page, "outpaint", repainted)
    page.locator("[data-side=right]").fill("64")
    page.locator("[data-side=right]").press("Enter")
    wide = _drawn(page, "a wood")
    open_tab(page, "upscale")
    _wait_for_picture(page, "upscale", wide)
    large = _drawn(page, "")
    tasks = [job.request.task.kind for job in served.studio.queue.jobs()]
    assert tasks == ["text_to_image", "inpaint", "outpaint", "upscale"]
    open_tab(page, "inpaint")
    _wait_for_picture(page, "inpaint", large)
    # The way back through all of it, after a reload too, with what was painted on each.
    page.reload()
    page.locator("#generate").wait_for()
    _wait_for_picture(page, "inpaint", large)
    page.locator(".canvas[data-kind=inpaint] .canvas-port").focus()
    for earlier in (wide, repainted, words):
        page.keyboard.press("Control+z")
        _wait_for_picture(page, "inpaint", earlier)
    page.locator(".active-badge", has_text="Mask").wait_for()
    assert_same(inpaint.stored(served), mask)
    page.keyboard.press("Control+Shift+z")
    _wait_for_picture(page, "inpaint", repainted)


def test_a_pinned_tool_keeps_its_picture_and_an_empty_one_offers_the_newest(visit, tmp_path):
    page = visit()
    set_number(page, "steps", 2)
    made = _drawn(page, "a house")
    # What somebody put there after the result was made stays as he turns to another tool.
    change = Canvas(page, "image_to_image")
    change.wait()
    change.button("Remove the picture").click()
    page.locator(".canvas[data-kind=image_to_image] .canvas-recent button").first.click()
    _wait_for_picture(page, "image_to_image", made)
    change.button("Pin the picture to this tool").click()
    inpaint = Canvas(page, "inpaint")
    inpaint.button("Remove the picture").click()
    page.locator(".strip .tile").first.drag_to(page.locator(".source.inpaint .canvas-empty"))
    _wait_for_picture(page, "inpaint", made)
    with page.expect_file_chooser() as chooser:
        inpaint.button("Choose another picture").click()
    chooser.value.set_files(str(picture_file(tmp_path, (120, 80))))
    page.wait_for_function(
        "document.querySelector('.canvas[data-kind=inpaint] img').naturalWidth === 120"
    )
    assert Canvas(page, "outpaint").source()["width"] == 120
    page.reload()
    page.locator("#generate").wait_for()
    assert Canvas(page, "image_to_image").source()["image"] == f"picture:{made}"
    change.wait()
    change.button("Pin the picture to this tool").click()
    assert change.source()["width"] == 120


def test_what_a_page_kept_before_and_what_is_dropped_beside_the_canvases(visit, tmp_path):
    page = visit()
    set_number(page, "steps", 2)
    made = _drawn(page, "a house")
    inpaint = Canvas(page, "inpaint")
    inpaint.wait()
    inpaint.button("Remove the picture").click()
    inpaint.load(picture_file(tmp_path, (120, 80)))
    # What a page kept before there was one picture for all is still there.
    old = {
        "image": f"picture:{made}",
        "url": f"studio/v1/images/{made}",
        "width": 128,
        "height": 128,
    }
    other = inpaint.source()
    page.evaluate(
        "kept => { localStorage.clear(); for (const [key, value] of Object.entries(kept))"
        " localStorage.setItem(`studio.source.${key}`, value); }",
        {
            "inpaint": json.dumps({"picture": old, "mask": None}),
            "outpaint": json.dumps(
                {
                    "picture": {name: other[name] for name in old},
                    "frame": {"left": 8, "top": 0, "right": 0, "bottom": 0},
                }
            ),
        },
    )
    page.reload()
    page.locator("#generate").wait_for()
    assert Canvas(page, "inpaint").source()["image"] == f"picture:{made}"
    wide = Canvas(page, "outpaint")
    assert (wide.source()["width"], wide.source()["frame"]["left"]) == (120, 8)
    # Dropped where no canvas is, a picture is read for settings, and may be worked on as well.
    open_tab(page, "text_to_image")
    page.evaluate(
        """(data) => {
          const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
          const transfer = new DataTransfer();
          transfer.items.add(new File([bytes], "photo.png", { type: "image/png" }));
          const options = { bubbles: true, cancelable: true, dataTransfer: transfer };
          document.querySelector(".viewer").dispatchEvent(new DragEvent("drop", options));
        }""",
        base64.b64encode(picture_file(tmp_path, (90, 60)).read_bytes()).decode(),
    )
    page.get_by_role("button", name="Work on this picture").click()
    change = Canvas(page, "image_to_image")
    change.wait()
    assert change.source()["width"] == 90
    assert Canvas(page, "inpaint").source()["width"] == 90


def _tab_to(page, selector: str, key: str) -> None:
    """Press `key` until what matches `selector` has the focus."""
    for _ in range(40):
        page.keyboard.press(key)
        if page.evaluate(_HAS_FOCUS, selector):
            return
    raise AssertionError(f"no {key} reaches {selector}")


def test_keys_alone_draw_mask_accept_and_find(visit, served):
    page = visit()
    press = page.keyboard.press
    for count, words in enumerate(("a house", "a boat"), 1):
        press("/") if count == 1 else press("Control+a")
        page.keyboard.type(words)
        press("Control+Enter")
        page.wait_for_function(
            "count => document.querySelectorAll('.strip .tile[data-id]').length === count",
            arg=count,
        )
        wait_for(page, "finished")
    boat = shown_id(page)
    _tab_to(page, ".tabs a[href='#inpaint']", "Shift+Tab")
    press("Enter")
    _wait_for_picture(page, "inpaint", boat)
    inpaint = Canvas(page, "inpaint")
    press("r")
    press("Enter")  # of 128 × 128 the middle half
    press("Shift+ArrowDown")
    press("ArrowRight")
    press("Enter")
    place = np.argwhere(inpaint.stored(served) == 255)
    (top, left), (bottom, right) = place.min(0), place.max(0) + 1
    step = left - 32
    assert step >= 1 and (top, right, bottom) == (32, 96 + step, 96 + step)
    assert len(place) == (bottom - top) * (right - left)
    press("Enter")
    press("Escape")  # that one is dropped, and nothing is stopped
    press("Control+Enter")
    page.wait_for_function("document.querySelectorAll('.strip .tile[data-id]').length === 3")
    wait_for(page, "finished")
    changed = shown_id(page)
    assert changed != boat
    press("u")
    _wait_for_picture(page, "inpaint", changed)
    press("/")  # to the prompt, from which the tabs are near; L is the lasso here
    _tab_to(page, ".tabs a[href='#library']", "Shift+Tab")
    press("Enter")
    press("/")
    page.keyboard.type("house")
    page.locator(".library-count", has_text="1 picture").wait_for()
    press("ArrowDown")
    assert page.evaluate("document.activeElement.title") == "a house"

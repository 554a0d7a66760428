"""What came of a canvas: shown one by one in its place, accepted whole or in part, or put away."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.ui.painting import Canvas, picture_file
from tests.ui.using import generate, paint, shown_id, view, wait_for

SIZE = (128, 96)
_CHAIN = "JSON.parse(localStorage.getItem('studio.working'))"
_PRESSED = """
[...document.querySelectorAll('.candidates-tile')].findIndex((one) => one.ariaPressed === 'true')
"""
_BATCH = """
(size) => import(document.querySelector('script[src$="/page.js"]').src)
  .then(({ modules }) => modules["settings/form.js"].field("batch_size").set(size))
"""


def _picture(served, id: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(served.studio.gallery.bytes(id))).convert("RGB"))


def _shows(page, at: int) -> None:
    page.wait_for_function(f"at => {_PRESSED.strip()} === at", arg=at)


def _working(page) -> list[str]:
    """What is worked on, and what was before."""
    chain = page.evaluate(_CHAIN)
    return [one["image"] for one in chain["chain"][: chain["at"] + 1]]


def _drawn(page, folder) -> Canvas:
    """Two pictures of a mask."""
    canvas = Canvas(page, "inpaint")
    canvas.load(picture_file(folder, SIZE))
    paint(page, (0.3, 0.5), (0.7, 0.5))
    page.locator(".active-badge", has_text="Mask").wait_for()
    page.evaluate(_BATCH, 2)
    page.locator(".source.inpaint .canvas-port").focus()
    page.keyboard.press("+")
    generate(page, "a lake")
    wait_for(page, "finished")
    _shows(page, 1)
    return canvas


def test_one_is_accepted_by_keys_where_it_is_looked_at(visit, served, tmp_path):
    page = visit()
    canvas = _drawn(page, tmp_path)
    first, second = [one.id for one in served.studio.queue.jobs()[-1].pictures]
    frame = page.locator(".frame").bounding_box()
    left, top, scale = (frame["x"], frame["y"], frame["width"] / SIZE[0])
    page.locator(".stage").focus()
    page.keyboard.press("2")
    _shows(page, 2)
    page.keyboard.down("x")
    over = page.locator(".frame .over img")
    assert over.get_attribute("src").endswith("/before")
    page.keyboard.up("x")
    assert over.count() == 0
    page.keyboard.press("ArrowLeft")
    _shows(page, 1)
    page.keyboard.press("0")
    assert over.get_attribute("src").endswith("/before")
    assert page.get_by_role("button", name="Accept").is_disabled()
    page.keyboard.press("2")
    _shows(page, 2)
    began = _working(page)
    page.keyboard.press("Enter")
    canvas.wait()
    page.locator("body[data-view=source]").wait_for()
    assert _working(page) == [*began, f"picture:{second}"]
    assert canvas.box() == pytest.approx((left, top, scale), abs=1)
    assert canvas.source()["mask"]["share"] > 0
    page.keyboard.press("Control+z")
    _shows(page, 2)
    assert view(page) == "result" and _working(page) == began
    page.keyboard.press("Escape")
    page.locator("body[data-view=source]").wait_for()
    assert page.locator(".candidates").is_hidden() and _working(page) == began
    page.locator(".line .undo").click()
    _shows(page, 2)


def test_a_part_is_kept_as_it_is_seen_and_undone_after_a_reload(visit, served, tmp_path):
    page = visit()
    _drawn(page, tmp_path)
    first, second = [one.id for one in served.studio.queue.jobs()[-1].pictures]
    began = _working(page)
    page.locator(".candidates-tile").nth(2).click()
    _shows(page, 2)
    page.get_by_role("button", name="Keep a part").click()
    keep = page.get_by_role("button", name="Keep this part")
    page.locator(".over.part").wait_for()
    assert keep.is_disabled()
    box = page.locator(".frame").bounding_box()
    across = [box["x"] + box["width"] * share for share in (0.4, 0.6)]
    page.mouse.move(across[0], box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(across[1], box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    seen = page.locator(".over.part canvas").evaluate(
        """(canvas) => [...canvas.getContext("2d").getImageData(0, 0, 128, 96).data]
            .filter((_, at) => at % 4 === 3)"""
    )
    alpha = np.array(seen, np.uint8).reshape(SIZE[::-1])
    page.keyboard.press("Control+z")
    assert keep.is_disabled()
    page.keyboard.press("Control+y")
    page.keyboard.press("Enter")
    _shows(page, 0)
    page.locator(".promise", has_text="Outside the mask: unchanged").wait_for()
    made = shown_id(page)
    before = np.asarray(Image.open(tmp_path / "picture.png"))
    kept, candidate = _picture(served, made), _picture(served, second)
    assert (alpha == 0).sum() > 100 and (alpha == 255).sum() > 1000
    assert (kept[alpha == 0] == candidate[alpha == 0]).all()
    assert (kept[alpha == 255] == before[alpha == 255]).all()
    assert _working(page) == [*began, f"picture:{made}"]

    page.keyboard.press("1")
    _shows(page, 1)
    page.reload()
    page.locator("#generate").wait_for()
    page.locator(".views [data-view=result]").click()
    _shows(page, 0)  # the newest picture is that which a part was kept in
    page.get_by_role("button", name="Done").click()
    page.locator("body[data-view=source]").wait_for()
    page.locator(".source.inpaint .canvas-port").focus()
    page.keyboard.press("Control+z")
    page.wait_for_function(f"{_CHAIN}.at === 0")
    assert _working(page) == began


@pytest.mark.parametrize("width", [1440, 390])
def test_the_row_of_tools_keeps_its_height(visit, tmp_path, width):
    page = visit()
    page.set_viewport_size({"width": width, "height": 844})
    canvas = Canvas(page, "inpaint")
    canvas.load(picture_file(tmp_path, SIZE))
    heights = set()
    for key in "brwok":
        page.keyboard.press(key)
        heights.add(canvas.root.locator(".canvas-bar").bounding_box()["height"])
    page.keyboard.press("k")
    assert len(heights) == 1


def test_on_a_phone_all_of_it_is_large_enough_and_has_a_name(visit, served, tmp_path, axe):
    page = visit(width=390, height=844, has_touch=True)
    _drawn(page, tmp_path)
    page.get_by_role("button", name="Keep a part").click()
    page.locator(".over.part").wait_for()
    for button in page.locator(".candidates button:visible").all():
        size = button.bounding_box()
        assert min(size["width"], size["height"]) >= 40
    page.evaluate(axe)
    report = page.evaluate("axe.run('.candidates', {resultTypes: ['violations']})")
    assert [one["nodes"][0]["html"] for one in report["violations"]] == []

"""Colours painted over a picture in a real browser: to the pixel, undone in order with the mask,
kept over a reload, sent with the request."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from studio.store.finding import Filters
from tests.ui.painting import Canvas, assert_same, covered, painted, picture_file
from tests.waiting import wait_for

SIZE = (320, 240)
BLUE = (59, 130, 246)


@pytest.fixture
def sketch(visit, tmp_path):
    """Opens a canvas with a picture on it: `sketch("inpaint", **visit's)`."""

    def open_canvas(kind, **options):
        canvas = Canvas(visit(**options), kind)
        canvas.load(picture_file(tmp_path, SIZE))
        canvas.button("Colour").click()
        return canvas

    return open_canvas


def stored(canvas, served, name="sketch") -> np.ndarray | None:
    """What the server has: uint8, (height, width, 4) of a sketch, (height, width) of a mask."""
    ready = canvas.ready()
    assert isinstance(ready, dict), ready
    if name not in ready:
        return None
    data = served.http.get(f"/studio/v1/uploads/{ready[name].removeprefix('input:')}").content
    image = Image.open(io.BytesIO(data))
    assert image.mode == ("RGBA" if name == "sketch" else "L")
    return np.asarray(image)


def laid(alpha: np.ndarray, colour=BLUE) -> np.ndarray:
    """A sketch of one colour; what cannot be seen has none."""
    shown = np.where(alpha[..., None] > 0, np.array(colour, np.uint8), 0).astype(np.uint8)
    return np.concatenate([shown, alpha[..., None]], axis=2)


def undo(canvas, times=1, key="Control+z"):
    for _ in range(times):
        canvas.page.keyboard.press(key)


def test_strokes_are_laid_over_the_picture_to_the_pixel(sketch, served):
    canvas = sketch("image_to_image")
    page = canvas.page
    assert stored(canvas, served) is None, "nothing is painted yet"
    canvas.set(size=31, softness=50, opacity=60)
    blank = np.zeros(SIZE[::-1], np.uint8)
    first = canvas.stroke((80, 80), (200, 90), (210, 160))
    alpha = painted(blank, covered(first, SIZE, 31, 0.5), opacity=0.6)
    assert_same(stored(canvas, served), laid(alpha))

    page.keyboard.press("p")  # the eyedropper takes a colour as seen, and hands the brush back
    [(x, y)], [(u, v)] = canvas.at([(20, 200)])
    page.mouse.click(x, y)
    assert canvas.root.get_attribute("data-tool") == "brush"
    under = Image.open(io.BytesIO(served.http.get(canvas.source()["url"]).content)).convert("RGB")
    red = under.getpixel((int(u), int(v)))
    assert canvas.root.locator(".colour-well").input_value() == "#{:02x}{:02x}{:02x}".format(*red)
    canvas.set(size=12, softness=0, opacity=100)
    second = canvas.stroke((90, 84), (90, 84))
    over = covered(second, SIZE, 12)[..., None]
    was = laid(alpha).astype(float)
    now = was[..., 3:] * (1 - over) + 255 * over
    mixed = (was[..., :3] * was[..., 3:] * (1 - over) + np.array(red) * 255 * over) / np.maximum(
        now, 1e-9
    )
    wanted = np.floor(np.concatenate([mixed, now], axis=2) + 0.5)
    found = stored(canvas, served)
    seen = found[..., 3] > 0
    assert np.abs(found[seen] - wanted[seen]).max() <= 1
    swatches = canvas.root.locator(".colour-recent button")
    assert swatches.first.get_attribute("aria-pressed") == "true", "it is among those used last"

    page.keyboard.press("e")
    canvas.set(size=400, opacity=100)
    canvas.stroke((150, 120), (150, 121))
    assert stored(canvas, served) is None, "all is erased: there is no sketch"
    undo(canvas, 2)
    assert_same(stored(canvas, served), laid(alpha))
    page.reload()
    canvas.wait()
    assert_same(stored(canvas, served), laid(alpha))

    page.locator(".active-badge", has_text="Sketch").get_by_role("button").click()
    assert stored(canvas, served) is None
    undo(canvas)
    assert_same(stored(canvas, served), laid(alpha))


def test_what_is_painted_is_masked_where_nothing_is_and_undone_in_order(sketch, served):
    canvas = sketch("inpaint")
    page = canvas.page
    canvas.set(size=40)
    canvas.stroke((60, 60), (120, 60))
    blob = stored(canvas, served)
    assert blob is not None and blob[60, 90].tolist() == [*BLUE, 255]
    mask = stored(canvas, served, "mask")
    assert ((mask > 0) == (blob[..., 3] > 0)).all() and set(np.unique(mask)) == {0, 255}

    undo(canvas)  # the mask, which came last
    page.keyboard.press("k")
    canvas.set(size=30)
    canvas.stroke((200, 150), (260, 150))
    page.keyboard.press("k")
    canvas.stroke((60, 200), (120, 200))
    own = stored(canvas, served, "mask")
    assert own[150, 230] == 255 and own[60, 90] == 0, "a mask of one's own is left as it is"
    undo(canvas)
    assert stored(canvas, served)[200, 90, 3] == 0 and stored(canvas, served, "mask")[150, 230]
    undo(canvas)
    assert stored(canvas, served, "mask")[150, 230] == 0, "the sketch is the mask again"
    undo(canvas, 2)  # that, and the first stroke
    assert "Paint over" in canvas.ready()
    undo(canvas, key="Control+Shift+z")
    assert_same(stored(canvas, served), blob)

    canvas.button("Sketch").click()
    page.get_by_role("button", name="Clear the sketch").click()
    canvas.button("Sketch").click()
    page.locator("nav.tabs a[href='#image-to-image']").click()
    other = Canvas(page, "image_to_image")
    other.wait()
    assert stored(other, served) is None
    page.locator("nav.tabs a[href='#inpaint']").click()
    undo(canvas)
    assert_same(stored(other, served), blob)  # one layer over the picture, in both tools


def test_it_is_sent_compared_and_comes_back_with_the_settings(sketch, served):
    canvas = sketch("image_to_image", width=390, height=844, has_touch=True)
    page = canvas.page
    [(x, y), (u, v)], _ = canvas.at([(100, 100), (180, 100)])
    session = page.context.new_cdp_session(page)
    touch = lambda kind, points: session.send(  # noqa: E731
        "Input.dispatchTouchEvent", {"type": kind, "touchPoints": points}
    )
    touch("touchStart", [{"x": x, "y": y}])
    touch("touchMove", [{"x": u, "y": v}])
    touch("touchEnd", [])
    blob = stored(canvas, served)
    assert blob[100, 140].tolist() == [*BLUE, 255]
    page.get_by_role("button", name="Generate", exact=True).click()
    [job] = wait_for(served.studio.queue.jobs)
    request = served.wait_until(job.id, "finished")["request"]
    assert request["task"]["sketch"] == canvas.ready()["sketch"]
    page.get_by_role("button", name="Use these settings").wait_for()
    [row] = served.studio.library.page(Filters(), 5).rows
    data = served.http.get(f"/studio/v1/images/{row.id}/before").content
    began = Image.open(io.BytesIO(data)).convert("RGB")  # at the size of the result
    place = 140 * began.width // SIZE[0], 100 * began.height // SIZE[1]
    assert began.getpixel(place) == BLUE, "Compare shows it"
    page.locator(".active-badge", has_text="Sketch").get_by_role("button").click()
    assert stored(canvas, served) is None
    page.get_by_role("button", name="Use these settings").click()
    page.locator(".active-badge", has_text="Sketch").wait_for()
    assert_same(stored(canvas, served), blob)


def test_many_pictures_of_its_size_get_it(sketch, served, tmp_path):
    canvas = sketch("image_to_image")
    page = canvas.page
    canvas.stroke((60, 60), (120, 60))
    files = [
        picture_file(tmp_path, size, name) for name, size in (("a.png", SIZE), ("b.png", (64, 64)))
    ]
    page.get_by_role("button", name="Many pictures").click()
    page.get_by_label("Pictures of the batch").set_input_files(files)
    page.get_by_text("The painted colours go over each, if it is 320 × 240").wait_for()
    page.get_by_role("button", name="Run 2 pictures").click()
    page.locator(".many-words", has_text="1 of 2 done · 1 left out").wait_for()
    [fault] = page.locator(".many-faults li").all_inner_texts()
    assert fault.startswith("b.png: the painted colours are 320 × 240, it is 64 × 64.")
    [job] = served.studio.queue.jobs()
    assert job.request.task.sketch == canvas.ready()["sketch"]

"""Pictures and masks come, stay and go: nothing painted is lost, nothing old acts unseen."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.ui.painting import Canvas, assert_same, covered, painted, picture_file
from tests.ui.using import set_number, wait_for, wait_for_step

SIZE = (300, 200)
BLANK = np.zeros(SIZE[::-1], np.uint8)


@pytest.fixture
def canvas(visit, tmp_path):
    """The inpaint canvas with a picture on it, and a brush of 40 pixels."""
    canvas = Canvas(visit(), "inpaint")
    canvas.load(picture_file(tmp_path, SIZE))
    canvas.set(size=40)
    return canvas


@pytest.fixture
def stroke(canvas) -> np.ndarray:
    """A stroke on the canvas: the mask that it makes."""
    return painted(BLANK, covered(canvas.stroke((50, 50), (250, 150)), SIZE, 40))


def reload(canvas: Canvas) -> None:
    canvas.page.reload()
    canvas.page.locator("#generate").wait_for()
    canvas.wait()


def choose(canvas: Canvas, button: str, file: Path) -> None:
    with canvas.page.expect_file_chooser() as chooser:
        canvas.button(button).click()
    chooser.value.set_files(str(file))


def answer(canvas: Canvas, words: str) -> None:
    dialog = canvas.root.locator("dialog.canvas-ask")
    dialog.get_by_role("button", name=words).click()
    dialog.wait_for(state="hidden")


def wait_for_size(canvas: Canvas, size: tuple[int, int]) -> None:
    canvas.page.wait_for_function(
        "size => document.querySelector('.canvas[data-kind=inpaint] img').naturalWidth === size[0]",
        arg=size,
    )


def test_a_mask_survives_tabs_reloads_and_a_running_preview(canvas, stroke, served, slow):
    page = canvas.page
    page.locator("nav.tabs a[href='#text-to-image']").click()
    set_number(page, "steps", 150)
    page.get_by_label("Prompt", exact=True).fill("a boat")
    page.locator("#generate").click()
    wait_for_step(page)
    page.locator("nav.tabs a[href='#inpaint']").click()
    assert_same(canvas.stored(served), stroke)
    shown = canvas.source()
    reload(canvas)
    assert_same(canvas.stored(served), stroke)
    assert canvas.source() == shown
    assert served.studio.queue.jobs()[0].state.value == "running"
    slow()


def test_a_reload_at_once_loses_no_stroke(canvas, stroke, served):
    assert_same(canvas.stored(served), stroke)
    canvas.page.route("**/studio/v1/uploads", lambda route: route.abort())
    second = painted(stroke, covered(canvas.stroke((50, 150), (250, 40)), SIZE, 40))
    assert "does not answer" in canvas.ready()
    # A third one, still under way as the page goes.
    window, true = canvas.at([(150, 20), (150, 180)])
    canvas.page.mouse.move(*window[0])
    canvas.page.mouse.down()
    canvas.page.mouse.move(*window[1])
    reload(canvas)
    canvas.page.unroute("**/studio/v1/uploads")
    assert_same(canvas.stored(served), painted(second, covered(true, SIZE, 40)))


def test_another_picture_asks_what_becomes_of_the_mask(canvas, stroke, served, tmp_path):
    first = canvas.source()["image"]
    other = picture_file(tmp_path, (450, 300), "other.png")
    choose(canvas, "Choose another picture", other)
    answer(canvas, "Cancel")
    assert canvas.source()["image"] == first
    assert_same(canvas.stored(served), stroke)
    choose(canvas, "Choose another picture", other)
    answer(canvas, "Keep it")
    wait_for_size(canvas, (450, 300))
    stretched = np.asarray(Image.fromarray(stroke).resize((450, 300), Image.Resampling.BILINEAR))
    apart = np.abs(canvas.stored(served).astype(int) - stretched)
    assert apart.max() <= 2
    choose(canvas, "Choose another picture", picture_file(tmp_path, SIZE, "third.png"))
    answer(canvas, "Clear it")
    wait_for_size(canvas, SIZE)
    assert canvas.source()["mask"] is None
    # With nothing to lose nothing is asked; nor is a mask lost with its picture unasked.
    choose(canvas, "Choose another picture", other)
    wait_for_size(canvas, (450, 300))
    canvas.stroke((50, 50), (200, 100))
    canvas.button("Remove the picture").click()
    answer(canvas, "Cancel")
    assert canvas.source()["mask"]
    canvas.button("Remove the picture").click()
    answer(canvas, "Remove it")
    assert canvas.source() is None
    canvas.page.reload()
    canvas.button("Choose a picture").wait_for()


def test_a_result_is_sent_and_taken_back(canvas, stroke, served):
    before = canvas.source()
    sent = canvas.page.evaluate(
        """async () => {
          const { modules } = await import(document.querySelector('script[src$="/page.js"]').src);
          const source = modules["canvas/sources.js"];
          const url = document.querySelector('link[rel=icon]').href;
          const old = source.snapshot("inpaint");
          await source.put("inpaint", { ref: "picture:7", url, width: 640, height: 480 },
            { ask: false });
          const sent = source.sourceOf("inpaint");
          await source.recover("inpaint", old);
          return sent;
        }"""
    )
    assert (sent["image"], sent["width"], sent["mask"]) == ("picture:7", 640, None)
    assert canvas.source() == before
    assert_same(canvas.stored(served), stroke)


def test_masks_from_files_and_back_into_files(canvas, served, tmp_path):
    wanted = BLANK.copy()
    wanted[20:120, 30:200] = 255
    wanted[40:60, 50:80] = 96
    Image.fromarray(wanted).save(tmp_path / "gray.png")
    canvas.button("Mask").click()
    choose(canvas, "Upload a mask", tmp_path / "gray.png")
    canvas.page.wait_for_function("document.querySelector('.active-badge')")
    assert_same(canvas.stored(served), wanted)
    with canvas.page.expect_download() as download:
        canvas.button("Download the mask").click()
    kept = Image.open(download.value.path())
    assert kept.mode == "L"
    assert (np.asarray(kept) == wanted).all()
    # One of another size, painted on a transparent ground as other editors export it.
    alpha = Image.fromarray(255 - wanted).resize((150, 100), Image.Resampling.NEAREST)
    Image.merge("RGBA", [Image.new("L", (150, 100), 90)] * 3 + [alpha]).save(tmp_path / "half.png")
    choose(canvas, "Upload a mask", tmp_path / "half.png")
    answer(canvas, "Stretch it")
    canvas.page.wait_for_timeout(100)
    stretched = np.asarray(alpha.resize(SIZE, Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(canvas.stored(served) - stretched).max() <= 2
    canvas.page.keyboard.press("Escape")
    canvas.page.keyboard.press("Control+z")
    assert_same(canvas.stored(served), wanted)


def test_pictures_are_dropped_and_pasted(visit, tmp_path):
    page = visit()
    give = """
    ([kind, data, task]) => {
      const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
      const transfer = new DataTransfer();
      transfer.items.add(new File([bytes], "given.png", { type: "image/png" }));
      const options = { bubbles: true, cancelable: true };
      const event = kind === "paste"
        ? new ClipboardEvent("paste", { clipboardData: transfer, ...options })
        : new DragEvent("drop", { dataTransfer: transfer, ...options });
      document.querySelector(`.source.${task} .canvas`).dispatchEvent(event);
    }"""
    assert "Choose a picture first" in Canvas(page, "image_to_image").ready()
    for kind, way, size in (("image_to_image", "drop", (120, 80)), ("outpaint", "paste", (90, 60))):
        canvas = Canvas(page, kind)
        file = picture_file(tmp_path, size)
        page.evaluate(give, [way, base64.b64encode(file.read_bytes()).decode(), kind])
        page.wait_for_function(
            "([kind, width]) => document.querySelector(`.canvas[data-kind=${kind}] img`)"
            ".naturalWidth === width",
            arg=[kind, size[0]],
        )
        assert (canvas.source()["width"], canvas.source()["height"]) == size
    assert set(Canvas(page, "image_to_image").ready()) == {"image"}
    # It is one picture for all tools.
    assert Canvas(page, "inpaint").source()["image"] == canvas.source()["image"]


def test_a_damaged_file_is_refused_in_words(canvas, stroke, served, tmp_path):
    before = canvas.source()["image"]
    (tmp_path / "damaged.png").write_bytes(b"no picture at all")
    choose(canvas, "Choose another picture", tmp_path / "damaged.png")
    answer(canvas, "Keep it")
    canvas.root.locator(".canvas-note:has-text('picture')").wait_for()
    assert canvas.source()["image"] == before
    assert_same(canvas.stored(served), stroke)


def test_a_picture_that_is_gone_is_told(canvas, stroke):
    canvas.page.route("**/studio/v1/uploads/*/view", lambda route: route.abort())
    canvas.page.reload()
    canvas.root.locator(".canvas-note:has-text('cannot be loaded')").wait_for()
    assert canvas.source() is None
    canvas.button("Choose a picture").wait_for()


def test_the_colour_of_the_overlay(canvas, stroke):
    canvas.button("Mask").click()
    canvas.button("Blue").click()
    overlay = canvas.root.get_by_label("Overlay, percent")
    overlay.fill("5")
    overlay.press("Enter")
    assert overlay.input_value() == "20"  # never so faint that it goes unseen
    canvas.page.wait_for_function(
        """() => {
          const canvas = document.querySelector(".canvas-tint");
          const [r, g, b, a] = canvas.getContext("2d").getImageData(150, 100, 1, 1).data;
          return canvas.style.opacity === "0.2" && [r, g, b, a].join() === "59,130,246,255";
        }"""
    )


def test_the_mask_that_is_generated_with_is_the_one_that_is_seen(canvas, stroke, served):
    page = canvas.page
    page.get_by_label("Prompt", exact=True).fill("a red house")
    page.locator("#generate").click()
    wait_for(page, "finished")
    job = served.studio.queue.jobs()[-1]
    assert job.request.task.image == canvas.source()["image"]
    data = served.http.get(f"/studio/v1/uploads/{job.request.task.mask[6:]}").content
    assert_same(np.asarray(Image.open(io.BytesIO(data))), stroke)
    page.locator(".active-badge button").first.click()  # the badge's cross takes the mask off
    assert canvas.source()["mask"] is None
    assert "Paint over" in canvas.ready()
    page.get_by_role("button", name="Source").click()
    page.keyboard.press("Control+z")
    assert_same(canvas.stored(served), stroke)

"""The mask is seen on every picture: measured on what the browser draws of it."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from studio.picturebook.world import Scene
from tests.ui.painting import Canvas

SIZE = (768, 512)
LEAST = 3.0
WEIGHTS = (0.2126, 0.7152, 0.0722)
_IS_DRAWN = """
() => {
  const world = document.querySelector("[data-kind=inpaint] .canvas-world");
  const marks = world.querySelector(".canvas-still");
  const zoom = world.style.getPropertyValue("--scale") * devicePixelRatio;
  const shown = parseFloat(marks.style.width) * zoom;
  return !marks.hidden && Math.abs(shown - marks.width) < 0.01;
}
"""
_DRAWN_WHILE_DASHES_GO_ROUND = """
() => new Promise((done) => {
  let drawn = 0;
  const { prototype } = CanvasRenderingContext2D;
  const draw = prototype.putImageData;
  prototype.putImageData = function (...all) {
    drawn += 1;
    return draw.apply(this, all);
  };
  const ants = document.querySelector("[data-kind=inpaint] .canvas-ants");
  const end = () => {
    prototype.putImageData = draw;
    done(drawn);
  };
  ants.addEventListener("animationiteration", end, { once: true });
})
"""
_MOVING = """
() => [...document.querySelectorAll("[data-kind=inpaint] .canvas-world > canvas")]
  .flatMap((canvas) => canvas.getAnimations()).length
"""
_HIDE = """
(hidden) => {
  for (const one of document.querySelectorAll(".canvas-still, .canvas-stripes, .canvas-ants"))
    one.style.visibility = hidden ? "hidden" : "";
}
"""


def grounds(folder: Path) -> Path:
    """A sunset, snow by day, and a night, side by side."""
    picture = Image.new("RGB", SIZE)
    for n, (sky, ground) in enumerate((("sunset", "sea"), ("day", "snow"), ("night", "sea"))):
        scene = Scene.random(np.random.default_rng(n), count=0)
        scene = replace(scene, sky=sky, ground=ground, style="flat", extras=())
        picture.paste(scene.draw((256, 512)), (256 * n, 0))
    picture.save(folder / "grounds.png")
    return folder / "grounds.png"


def luminance(image: Image.Image) -> np.ndarray:
    shares = np.asarray(image.convert("RGB"), np.float64) / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    return linear @ np.array(WEIGHTS)


def contrast(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (np.maximum(a, b) + 0.05) / (np.minimum(a, b) + 0.05)


def test_edges_and_stripes_are_told_from_a_sunset_snow_and_a_night(visit, tmp_path):
    canvas = Canvas(visit(), "inpaint")
    canvas.load(grounds(tmp_path))
    port = canvas.root.locator(".canvas-port")

    def look() -> np.ndarray:
        """Luminance of each pixel of the screen, in the port."""
        canvas.page.mouse.move(5, 5)
        return luminance(Image.open(io.BytesIO(port.screenshot())))

    def check() -> None:
        marked = look()
        canvas.page.evaluate(_HIDE, True)
        bare = look()
        canvas.page.evaluate(_HIDE, False)
        edges, stripes = measured(canvas, port.bounding_box(), contrast(marked, bare))
        assert len(edges) > 6 and min(edges) >= LEAST, edges
        assert len(stripes) > 3 and min(stripes) >= LEAST, stripes

    canvas.page.keyboard.press("r")
    canvas.stroke((40, 210), (728, 310))
    for keys in ("0", "+++++", "0-----"):
        for key in keys:
            canvas.page.keyboard.press(key)
        canvas.page.wait_for_function(_IS_DRAWN)
        check()

    # Those that move are told from it as well, whichever way their dashes lie.
    canvas.page.keyboard.press("0")
    canvas.page.wait_for_function(_IS_DRAWN)
    canvas.page.emulate_media(reduced_motion="no-preference")
    canvas.page.locator(".canvas-world.marching").wait_for(state="attached")
    check()
    assert canvas.page.evaluate(_DRAWN_WHILE_DASHES_GO_ROUND) == 0
    assert canvas.page.evaluate(_MOVING) == 2
    canvas.page.locator("nav.tabs a[href='#outpaint']").click()
    port.wait_for(state="hidden")
    assert canvas.page.evaluate(_MOVING) == 0
    canvas.page.emulate_media(reduced_motion="reduce")


def measured(canvas: Canvas, port: dict, told: np.ndarray) -> tuple[list, list]:
    """The greatest contrast along each few pixels of the rectangle's edges, and of what it holds,
    of those that are in sight."""
    left, top, scale = canvas.box()
    high, wide = told.shape
    edges, stripes = [], []
    for x in range(60, 720, 12):
        across = round(left + x * scale - port["x"])
        if not 20 < across < wide - 20:
            continue
        for y, found, reach in ((210, edges, 9), (310, edges, 9), (260, stripes, 20)):
            down = round(top + y * scale - port["y"])
            if 4 < down < high - 60:  # below are the buttons of the view
                part = told[down - 2 : down + 3, across - reach : across + reach]
                found.append(round(part.max(), 2))
    return edges, stripes

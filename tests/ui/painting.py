"""What an artist does on the canvases, and what must come of it, worked out anew with numpy."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

Points = Sequence[tuple[float, float]]

_SOURCE = """
(kind) => import(document.querySelector('script[src$="/page.js"]').src)
  .then(({ modules }) => modules["canvas/sources.js"].sourceOf(kind))
"""
_READY = """
(kind) => import(document.querySelector('script[src$="/page.js"]').src)
  .then(({ modules }) => modules["canvas/sources.js"].ready(kind)).catch((error) => error.message)
"""


def picture_file(folder: Path, size: tuple[int, int], name: str = "picture.png") -> Path:
    """A picture of `size` (width, height)."""
    down = Image.linear_gradient("L").resize(size)
    across = Image.linear_gradient("L").transpose(Image.Transpose.ROTATE_90).resize(size)
    Image.merge("RGB", (across, down, ImageOps.invert(across))).save(folder / name)
    return folder / name


@dataclass
class Canvas:
    """The canvas of the task `kind` on a page."""

    page: object
    kind: str

    def __post_init__(self) -> None:
        self.page.locator(f"nav.tabs a[href='#{self.kind.replace('_', '-')}']").click()
        self.root = self.page.locator(f".canvas[data-kind={self.kind}]")

    def load(self, file: Path) -> None:
        """Choose a picture, and wait until it shows."""
        with self.page.expect_file_chooser() as chooser:
            self.button("Choose a picture").click()
        chooser.value.set_files(str(file))
        self.wait()

    def wait(self) -> None:
        self.page.locator(f".canvas[data-kind={self.kind}][data-state=ready]").wait_for()

    def button(self, name: str):
        return self.root.get_by_role("button", name=name, exact=True)

    def set(self, **options: float) -> None:
        """Type the size (pixels), softness or opacity (percent) of strokes."""
        stroke = self.button("Stroke")
        for name, value in options.items():
            if name != "size":
                stroke.click()
            box = self.root.locator(f".canvas-slider[data-option={name}] input[type=number]")
            box.fill(str(value))
            box.press("Enter")
            if name != "size":
                stroke.click()
        self.root.locator(".canvas-port").focus()

    def box(self) -> tuple[float, float, float]:
        """Where pixel (0, 0) lies in the window, and the CSS pixels of one of the picture's. A
        picture on its way, as after a change of the row above it, is waited for."""
        left, top, wide = self.page.evaluate(
            """async (kind) => {
              const image = document.querySelector(`.canvas[data-kind=${kind}] img`);
              const place = () => {
                const { left, top, width } = image.getBoundingClientRect();
                return [left, top, width / image.naturalWidth];
              };
              const frame = () => new Promise(requestAnimationFrame);
              for (let old = null, now = place(); `${now}` !== `${old}`; now = place()) {
                old = now;
                await frame();
                await frame();
              }
              return place();
            }""",
            self.kind,
        )
        return left, top, wide

    def at(self, points: Iterable[tuple[float, float]]) -> tuple[list, Points]:
        """(whole CSS pixels nearest to points of the picture, where these lie in the picture)."""
        left, top, scale = self.box()
        window = [(round(left + x * scale), round(top + y * scale)) for x, y in points]
        return window, [((x - left) / scale, (y - top) / scale) for x, y in window]

    def stroke(self, *points: tuple[float, float], button: str = "left") -> Points:
        """Draw with the mouse through points of the picture; returns where it truly went."""
        window, true = self.at(points)
        self.page.mouse.move(*window[0])
        self.page.mouse.down(button=button)
        for point in window[1:]:
            self.page.mouse.move(*point)
        self.page.mouse.up(button=button)
        return true

    def source(self) -> dict | None:
        return self.page.evaluate(_SOURCE, self.kind)

    def ready(self) -> dict | str:
        """The task's part of a request; what is said instead, if something is missing."""
        return self.page.evaluate(_READY, self.kind)

    def stored(self, served) -> np.ndarray:
        """The mask that the server has: uint8, (height, width)."""
        ready = self.ready()
        assert isinstance(ready, dict), ready
        data = served.http.get(f"/studio/v1/uploads/{ready['mask'].removeprefix('input:')}").content
        image = Image.open(io.BytesIO(data))
        assert image.mode == "L"
        return np.asarray(image)


def covered(
    points: Points, size: tuple[int, int], diameter: float, softness: float = 0.0
) -> np.ndarray:
    """How far a stroke through `points` covers each pixel, 0 to 1 in steps of 1/255: by the
    distance of the pixel's middle from the line alone."""
    outer = diameter / 2 + 0.5
    cover = np.zeros(size[::-1], np.uint8)
    for start, end in zip(points, (*points[1:], points[-1]), strict=True):
        left, right = _bounds(start[0], end[0], outer, size[0])
        top, bottom = _bounds(start[1], end[1], outer, size[1])
        part = cover[top:bottom, left:right]
        x, y = np.arange(left, right) + 0.5, (np.arange(top, bottom) + 0.5)[:, None]
        depth = outer - _distance(x, y, start, end)
        fade = max(1.0, softness * outer)
        share = np.clip(depth / fade, 0, 1)
        if fade > 1:
            share = share**2 * (3 - 2 * share)
        np.maximum(part, np.floor(share * 255 + 0.5).astype(np.uint8), out=part)
    return cover / np.float32(255)


def _bounds(a: float, b: float, reach: float, most: int) -> tuple[int, int]:
    """The pixels within `reach` of what lies between a and b, of those from 0 to `most`."""
    ends = np.clip([min(a, b) - reach - 1, max(a, b) + reach + 1], 0, most)
    return int(ends[0]), int(np.ceil(ends[1]))


def _distance(
    x: np.ndarray, y: np.ndarray, start: tuple[float, float], end: tuple[float, float]
) -> np.ndarray:
    """Of points from the line between two."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    square = dx * dx + dy * dy
    along = ((x - start[0]) * dx + (y - start[1]) * dy) / square if square else 0.0
    along = np.clip(along, 0, 1)
    return np.hypot(x - start[0] - along * dx, y - start[1] - along * dy)


def painted(mask: np.ndarray, cover: np.ndarray, target: int = 255, opacity: float = 1.0):
    """`mask` after a stroke towards `target`."""
    moved = mask + (target - mask.astype(np.float32)) * cover * np.float32(opacity)
    return np.floor(moved + np.float32(0.5)).astype(np.uint8)


def assert_same(found: np.ndarray, wanted: np.ndarray) -> None:
    """Pixel by pixel; where a value lies between two, either rounding is right."""
    assert found.shape == wanted.shape
    apart = np.abs(found.astype(int) - wanted)
    assert apart.max() <= 1, f"{(apart > 1).sum()} pixels differ, by up to {apart.max()}"
    assert (apart > 0).mean() < 3e-4, f"{(apart > 0).sum()} of {apart.size}"

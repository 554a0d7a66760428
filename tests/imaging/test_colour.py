"""Colour correction: casts go, lightness stays."""

from __future__ import annotations

import numpy as np
from PIL import Image

from studio.imaging.colour import corrected
from tests.imaging.pictures import disc, scene

SIZE = (256, 192)


def tinted(image: Image.Image) -> Image.Image:
    pixels = np.asarray(image, float) * (1.0, 0.85, 0.7) + (12, 0, 0)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def difference(one: Image.Image, other: Image.Image) -> float:
    return float(np.abs(np.asarray(one, int) - np.asarray(other, int)).mean())


def chroma(image: Image.Image) -> Image.Image:
    return Image.merge("LA", image.convert("YCbCr").split()[1:])


def luminance(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("L"), int)


def test_a_tint_is_taken_away():
    image = scene(SIZE)
    tint = difference(chroma(tinted(image)), chroma(image))
    assert difference(chroma(corrected(tinted(image), image)), chroma(image)) < 0.4 * tint


def test_lightness_stays_as_drawn():
    drawn = tinted(scene(SIZE))
    seen = corrected(drawn, scene(SIZE, 3))
    assert np.abs(luminance(seen) - luminance(drawn)).mean() < 8


def test_right_colours_hardly_change():
    image = scene(SIZE)
    assert difference(corrected(image, image), image) < 0.5


def test_a_cast_measured_outside_the_mask_leaves_new_colours_alone():
    before, mask = scene(SIZE), disc(SIZE, (60, 50, 180, 150))
    drawn = before.copy()
    drawn.paste((220, 20, 20), (0, 0, *SIZE), mask)
    seen = corrected(drawn, before, mask)
    assert difference(seen, drawn) < 1, "no cast, so the red stays red"
    cured = corrected(tinted(drawn), before, mask)
    assert difference(cured, drawn) < 0.8 * difference(tinted(drawn), drawn)


def test_a_mask_of_everything_falls_back_on_the_whole():
    image, white = scene(SIZE), Image.new("L", SIZE, 255)
    assert difference(corrected(image, image, white), image) < 0.5

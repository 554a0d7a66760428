"""The arithmetic behind the promise: a mask of 0 keeps every byte."""

from __future__ import annotations

import numpy as np
from PIL import Image

from studio.domain.geometry import Box
from studio.imaging.blending import blended
from tests.imaging.pictures import noise, rectangle, same


def test_every_value_over_every_other_through_every_mask():
    values = np.arange(256, dtype=np.uint8)
    below = Image.fromarray(np.repeat(np.tile(values, (256, 1))[..., None], 3, 2))
    above = Image.fromarray(np.repeat(np.tile(values[:, None], (1, 256))[..., None], 3, 2))
    under, over = (np.asarray(image, np.int64)[..., 0] for image in (below, above))
    for level in range(256):
        seen = np.asarray(blended(below, above, Image.new("L", below.size, level)))[..., 1]
        exact = ((255 - level) * under + level * over) / 255
        assert np.abs(seen - exact).max() <= 0.5, level
        if level == 0:
            assert (seen == under).all()
        if level == 255:
            assert (seen == over).all()


def test_a_blend_in_a_box_leaves_the_rest():
    below, above = noise((50, 40)), noise((20, 10), 1)
    mask = rectangle((20, 10), (5, 5, 15, 10))
    seen = np.asarray(blended(below, above, mask, Box(7, 3, 27, 13)))
    expected = np.asarray(below).copy()
    expected[8:13, 12:22] = np.asarray(above)[5:10, 5:15]
    assert (seen == expected).all()
    assert same(below, noise((50, 40))), "the picture below is not changed"


def test_without_a_mask_all_is_new():
    below, above = noise((9, 9)), noise((9, 9), 1)
    assert same(blended(below, above, None), above)

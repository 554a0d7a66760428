"""The number behind the promise, and the picture of it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from studio.imaging.difference import heat_map, max_outside
from tests.imaging.pictures import disc, noise, scene

SIZE = (120, 90)
MASK = disc(SIZE, (30, 20, 80, 70))


def changed(image: Image.Image, place: tuple[int, int], by: int) -> Image.Image:
    result = image.copy()
    red, green, blue = image.getpixel(place)
    result.putpixel(place, (red, (green + by) % 256, blue))
    return result


def test_nothing_outside():
    before = noise(SIZE)
    after = before.copy()
    after.paste((1, 2, 3), (0, 0, *SIZE), MASK)
    assert max_outside(before, after, MASK) == 0
    assert max_outside(before, before, Image.new("L", SIZE)) == 0


def test_one_channel_of_one_pixel_by_one():
    before = Image.new("RGB", SIZE, (9, 9, 9))
    assert max_outside(before, changed(before, (0, 89), 1), MASK) == 1
    assert max_outside(before, changed(before, (0, 89), 200), MASK) == 200


def test_the_faintest_mask_is_inside():
    before = Image.new("RGB", SIZE)
    after = changed(before, (3, 3), 50)
    mask = Image.new("L", SIZE)
    mask.putpixel((3, 3), 1)
    assert max_outside(before, after, mask) == 0


@pytest.mark.parametrize("other", [(119, 90), (90, 120)])
def test_other_sizes_are_no_comparison(other):
    with pytest.raises(ValueError, match="sizes differ"):
        max_outside(noise(SIZE), noise(other), MASK)
    with pytest.raises(ValueError, match="sizes differ"):
        heat_map(noise(SIZE), noise(other))


def test_the_map_shows_the_least_change_and_dims_the_rest():
    before = scene(SIZE)
    seen = np.asarray(heat_map(before, changed(before, (5, 5), 1)), int)
    assert np.ptp(seen[5, 5]) > 60, "coloured"
    gray = np.delete(seen.reshape(-1, 3), 5 * SIZE[0] + 5, axis=0)
    assert (np.ptp(gray, axis=1) == 0).all() and gray.max() < 100


def test_more_change_is_brighter():
    before = Image.new("RGB", (256, 1))
    after = Image.fromarray(np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, 2))
    luminance = np.asarray(heat_map(before, after).convert("L"), int)[0]
    assert (np.diff(luminance[1:]) >= -2).all() and luminance[255] - luminance[1] > 120

"""The resize modes, and parts that reach beyond the border."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from studio.domain.geometry import Box
from studio.domain.tasks import RESIZE_MODES
from studio.imaging.resizing import crop, resized
from tests.imaging.pictures import noise, rectangle, same, scene


@pytest.mark.parametrize("mode", RESIZE_MODES)
@pytest.mark.parametrize("size", [(64, 64), (200, 40), (41, 123)])
def test_every_mode_gives_the_size(mode, size):
    assert resized(scene((120, 80)), size, mode).size == size
    assert resized(rectangle((120, 80), (20, 20, 60, 60)), size, mode).mode == "L"


@pytest.mark.parametrize("mode", RESIZE_MODES)
def test_the_same_size_is_the_same_picture(mode):
    image = noise((33, 21))
    assert resized(image, (33, 21), mode) is image


def test_crop_keeps_the_shape_and_the_middle():
    image = Image.new("RGB", (300, 100), "blue")
    image.paste((255, 0, 0), (100, 0, 200, 100))
    assert same(resized(image, (100, 100), "crop_and_resize"), Image.new("RGB", (100, 100), "red"))


def test_fill_keeps_all_and_repeats_the_rim():
    image = noise((40, 20))
    filled = resized(image, (40, 40), "resize_and_fill")
    assert same(filled.crop((0, 10, 40, 30)), image)
    pixels = np.asarray(filled)
    assert (pixels[:10] == pixels[10]).all() and (pixels[30:] == pixels[29]).all()


@pytest.mark.parametrize("mode", RESIZE_MODES)
def test_a_masks_black_stays_black(mode):
    mask = rectangle((100, 100), (40, 40, 60, 60))
    pixels = np.asarray(resized(mask, (400, 400), mode))
    assert pixels[200, 200] == 255
    assert not pixels[:150].any() and not pixels[:, 250:].any()


def test_a_part_beyond_the_border_repeats_the_rim():
    image = noise((10, 6))
    seen = np.asarray(crop(image, Box(-3, 2, 12, 9)))
    pixels = np.asarray(image)
    assert seen.shape == (7, 15, 3)
    assert (seen[:4, 3:13] == pixels[2:6]).all()
    assert (seen[4:, 3:13] == pixels[5]).all()
    assert (seen[:4, :3] == pixels[2:6, :1]).all()


def test_a_part_inside_is_cut_out():
    image = noise((10, 6))
    assert same(crop(image, Box(1, 2, 5, 6)), image.crop((1, 2, 5, 6)))
    assert crop(image, Box(0, 0, 10, 6)) is image

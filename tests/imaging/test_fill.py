"""Colours smeared into holes: those of the rim, and nothing of what the hole held."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from studio.imaging.fill import smeared
from studio.imaging.masks import blurred
from tests.imaging.pictures import disc, noise, rectangle, same, scene

SIZE = (320, 240)


def test_what_is_not_masked_keeps_its_bytes():
    image, mask = noise(SIZE), disc(SIZE, (100, 60, 220, 180))
    kept = np.asarray(mask) == 0
    assert (np.asarray(smeared(image, mask))[kept] == np.asarray(image)[kept]).all()


def test_a_hole_in_one_colour_disappears():
    image = Image.new("RGB", SIZE, (40, 120, 200))
    image.paste((255, 0, 0), (100, 60, 220, 180))
    seen = smeared(image, rectangle(SIZE, (100, 60, 220, 180)))
    difference = np.asarray(seen, int) - (40, 120, 200)
    assert np.abs(difference).max() <= 2


def test_each_side_of_a_hole_has_the_colours_of_its_rim():
    image = Image.new("RGB", SIZE, "red")
    image.paste((0, 0, 255), (160, 0, 320, 240))
    seen = np.asarray(smeared(image, rectangle(SIZE, (60, 40, 260, 200))), int)
    assert seen[120, 64, 0] > 200 > 60 > seen[120, 64, 2]
    assert seen[120, 255, 2] > 200 > 60 > seen[120, 255, 0]
    across = seen[120, 60:260, 0]
    assert np.abs(np.diff(across)).max() < 40, "no edge where the mask's middle is"


def test_a_new_side_goes_on_with_the_border():
    image = scene(SIZE)
    wide = Image.new("RGB", (480, 240), "magenta")
    wide.paste(image)
    seen = np.asarray(smeared(wide, rectangle((480, 240), (320, 0, 480, 240))), int)
    assert np.abs(seen[:, 319] - seen[:, 320]).mean() < 12
    assert np.abs(seen[:, 330:].astype(int) - (255, 0, 255)).sum(-1).min() > 60, "no magenta left"


def test_a_blurred_edge_on_the_very_edge_of_what_shall_vanish():
    image = Image.new("RGB", SIZE, (40, 120, 200))
    image.paste((255, 0, 0), (100, 60, 220, 180))
    mask = blurred(rectangle(SIZE, (100, 60, 220, 180)), 4)
    inside = np.asarray(smeared(image, mask), int)[70:170, 110:210]
    assert np.abs(inside - (40, 120, 200)).max() < 25


def test_gray_blends():
    image = Image.new("RGB", SIZE, "black")
    image.paste((255, 255, 255), (100, 60, 220, 180))
    mask = rectangle(SIZE, (100, 60, 220, 180)).point(lambda level: level // 2)
    middle = np.asarray(smeared(image, mask))[120, 160]
    assert 100 < middle[0] < 200


def test_nothing_and_everything():
    image = scene(SIZE)
    assert same(smeared(image, Image.new("L", SIZE)), image)
    assert smeared(image, Image.new("L", SIZE, 255)).getextrema() == ((127, 127),) * 3


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (3, 2), (17, 1000), (1200, 900)])
def test_every_size(size):
    mask = rectangle(size, (0, 0, max(1, size[0] // 2), max(1, size[1] // 2)))
    assert smeared(noise(size), mask).size == size

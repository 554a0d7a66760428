"""Masks: sizes, inversion, growth, blur, boxes, and the words for those that cover nothing."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import distance_transform_edt, gaussian_filter

from studio.domain.errors import InvalidRequest
from studio.domain.geometry import Box
from studio.domain.tasks import Inpaint
from studio.imaging import masks
from tests.imaging.pictures import disc, rectangle, same

SIZE = (400, 300)
SQUARE = rectangle(SIZE, (150, 100, 250, 200))


def prepared(mask: Image.Image, size: tuple[int, int] = SIZE, **fields) -> np.ndarray:
    fields = {"mask_blur": 0, **fields}
    return np.asarray(masks.prepared(mask, Inpaint(image="i", mask="m", **fields), size))


def away(mask: Image.Image) -> np.ndarray:
    """How far each pixel is from the mask, in pixels; 0 in it."""
    return distance_transform_edt(np.asarray(mask) == 0)


def test_as_it_is():
    assert (prepared(SQUARE) == np.asarray(SQUARE)).all()


def test_inverted():
    assert (prepared(SQUARE, invert=True) == 255 - np.asarray(SQUARE)).all()


@pytest.mark.parametrize("radius", [1, 2, 5, 16, 64])
def test_growing_is_round(radius):
    dot = disc(SIZE, (195, 145, 205, 155))
    grown, distance = prepared(dot, mask_grow=radius) > 0, away(dot)
    assert grown[distance <= radius * 0.98].all()
    assert not grown[distance > radius * 1.09 + 1].any()


@pytest.mark.parametrize("radius", [1, 7, 30])
def test_shrinking_is_growing_of_what_is_left_out(radius):
    inverse = Image.fromarray(255 - np.asarray(SQUARE))
    assert (prepared(SQUARE, mask_grow=-radius) == 255 - prepared(inverse, mask_grow=radius)).all()


def test_the_border_does_not_shrink_a_mask():
    left = rectangle(SIZE, (0, 0, 200, 300))
    assert same(masks.grown(left, -20), rectangle(SIZE, (0, 0, 180, 300)))


def test_gray_edges_move_along():
    ramp = np.zeros((300, 400), np.uint8)
    ramp[:, 100:200], ramp[:, 200:] = np.linspace(0, 255, 100), 255
    grown = prepared(Image.fromarray(ramp), mask_grow=30)
    assert (grown[150, 70:170] == ramp[150, 100:200]).all()


@pytest.mark.parametrize("sigma", [1, 4, 9, 16, 17, 40, 64])
def test_blur_is_a_gaussian_and_ends_with_its_kernel(sigma):
    blurred = prepared(SQUARE, mask_blur=sigma).astype(float)
    radius = int(2.5 * sigma + 0.5)
    assert not blurred[away(SQUARE) > radius * 2**0.5 + 1].any()
    rows, columns = np.nonzero(np.asarray(SQUARE))
    outside = np.ones((300, 400), bool)
    outside[
        max(0, rows.min() - radius) : rows.max() + radius + 1,
        max(0, columns.min() - radius) : columns.max() + radius + 1,
    ] = False
    assert not blurred[outside].any(), "beyond the kernel nothing may change"
    exact = gaussian_filter(np.asarray(SQUARE, float), sigma, mode="nearest", truncate=2.5)
    assert np.abs(blurred - exact).max() < (2 if sigma <= 16 else 6)


def test_blur_at_the_border_goes_on_as_it_is_there():
    left = rectangle(SIZE, (0, 0, 200, 300))
    for sigma in (8, 40):
        blurred = prepared(left, mask_blur=sigma)
        assert (blurred == blurred[0]).all()
        assert (blurred[:, :60] == 255).all()


def test_another_size_is_stretched_only_when_asked():
    small = rectangle((40, 30), (15, 10, 25, 20))
    with pytest.raises(InvalidRequest, match=r"mask: .*40 × 30.*400 × 300.*resized"):
        prepared(small)
    found = masks.bounding_box(Image.fromarray(prepared(small, resize_mask=True)))
    assert np.abs(np.subtract(found, (150, 100, 250, 200))).max() <= 6


@pytest.mark.parametrize(
    ("mask", "fields", "words"),
    [
        (Image.new("L", SIZE), {}, "black everywhere"),
        (Image.new("L", SIZE, 255), {"invert": True}, "white everywhere and inverted"),
        (rectangle(SIZE, (10, 10, 30, 30)), {"mask_grow": -20}, "shrunk by 20 pixels"),
    ],
)
def test_nothing_to_repaint_is_explained(mask, fields, words):
    with pytest.raises(InvalidRequest, match=words):
        prepared(mask, **fields)


def test_white_everywhere_is_allowed():
    assert (prepared(Image.new("L", SIZE, 255), mask_blur=20) == 255).all()


def test_bounding_box():
    assert masks.bounding_box(SQUARE) == Box(150, 100, 250, 200)
    assert masks.bounding_box(Image.new("L", SIZE)) is None


@pytest.mark.parametrize(
    ("box", "padding", "shape", "expected"),
    [
        (Box(150, 100, 250, 200), 0, (512, 512), Box(150, 100, 250, 200)),
        (Box(150, 100, 250, 200), 32, (512, 512), Box(118, 68, 282, 232)),
        (Box(150, 100, 250, 200), 0, (512, 256), Box(100, 100, 300, 200)),
        (Box(150, 100, 250, 200), 0, (256, 512), Box(150, 50, 250, 250)),
        (Box(0, 0, 100, 20), 0, (512, 512), Box(0, 0, 100, 100)),  # shifted into the picture
        (Box(380, 280, 400, 300), 40, (512, 256), Box(280, 240, 400, 300)),
        (Box(0, 0, 400, 300), 256, (512, 512), Box(0, -50, 400, 350)),  # too small for the ratio
    ],
)
def test_crop_box(box, padding, shape, expected):
    assert masks.crop_box(box, padding, shape, SIZE) == expected


def test_every_crop_box_holds_the_mask_and_has_the_ratio():
    rng = np.random.default_rng(0)
    for _ in range(500):
        size = tuple(int(side) for side in rng.integers(8, 2000, 2))
        shape = tuple(int(side) * 8 for side in rng.integers(8, 200, 2))
        left, right = sorted(int(x) for x in rng.integers(0, size[0], 2))
        top, bottom = sorted(int(y) for y in rng.integers(0, size[1], 2))
        box = Box(left, top, right + 1, bottom + 1)
        crop = masks.crop_box(box, int(rng.integers(0, 256)), shape, size)
        assert crop.left <= box.left and crop.top <= box.top
        assert crop.right >= box.right and crop.bottom >= box.bottom
        width, height = crop.size
        assert abs(width - height * shape[0] / shape[1]) <= max(1, shape[0] / shape[1])
        inside = crop.left >= 0 and crop.right <= size[0]
        assert inside or crop.size[0] > size[0], "reaches beyond only where it must"

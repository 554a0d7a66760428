"""Maps of colours and tones that need no weights, looked at for what they mean."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from studio.domain.errors import InvalidRequest
from studio.preprocessors.holes import control_values
from studio.preprocessors.maps import Preprocessors


def run(preprocessors, name, image, **settings) -> np.ndarray:
    return np.asarray(preprocessors.run(name, image, image.size, settings))


def fine_detail(pixels: np.ndarray) -> float:
    return float(np.abs(cv2.Laplacian(pixels.astype(np.float32), cv2.CV_32F)).mean())


def coarse(pixels: np.ndarray) -> np.ndarray:
    return cv2.resize(pixels.astype(np.float32), (24, 20), interpolation=cv2.INTER_AREA)


def test_shuffle_keeps_the_colours_and_no_shapes(preprocessors, picture):
    pixels, map = np.asarray(picture), run(preprocessors, "shuffle", picture)
    palette = {tuple(colour) for colour in (pixels // 32).reshape(-1, 3)}
    known = [tuple(colour) in palette for colour in (map // 32).reshape(-1, 3)]
    assert np.mean(known) > 0.98
    likeness = np.corrcoef(coarse(pixels).ravel(), coarse(map).ravel())[0, 1]
    assert likeness < 0.5


def test_shuffle_depends_on_its_seed_alone(preprocessors, picture, tmp_path):
    first = run(preprocessors, "shuffle", picture)
    np.random.seed(5)
    another = Preprocessors([], tmp_path)
    assert (run(another, "shuffle", picture) == first).all()
    assert (run(another, "shuffle", picture, seed=1) != first).any()


def test_tile_keeps_coarse_colours_and_drops_detail(preprocessors, picture):
    pixels = np.asarray(picture)
    assert run(preprocessors, "tile_resample", picture).tobytes() == picture.tobytes()
    map = run(preprocessors, "tile_resample", picture, down_sampling=4)
    assert np.abs(coarse(pixels) - coarse(map)).mean() < 1.5
    assert fine_detail(map) < 0.5 * fine_detail(pixels)


@pytest.mark.parametrize("sigma", [1, 9, 15.99, 16, 40, 64])
def test_a_blur_is_gaussian(preprocessors, picture, sigma):
    exact = cv2.GaussianBlur(np.asarray(picture).astype(np.float32), (0, 0), sigma)
    difference = np.abs(run(preprocessors, "blur_gaussian", picture, sigma=sigma) - exact)
    assert difference.mean() < 1 and difference.max() < 6


def test_recolour_gives_gray_as_light_as_the_picture(preprocessors, picture):
    gray = np.asarray(picture.convert("L"))
    luminance = run(preprocessors, "recolor_luminance", picture)[..., 0]
    assert np.corrcoef(luminance.ravel(), gray.ravel())[0, 1] > 0.95
    for name in ("recolor_luminance", "recolor_intensity"):
        map = run(preprocessors, name, picture)
        assert (map == map[..., :1]).all()
        dark = run(preprocessors, name, picture, gamma=2.0)
        assert dark.mean() < map.mean() < run(preprocessors, name, picture, gamma=0.5).mean()


def test_luminance_is_what_the_eye_sees_and_intensity_is_not(preprocessors):
    colours = Image.new("RGB", (64, 64), (0, 0, 255))
    colours.paste((0, 255, 0), (32, 0, 64, 64))
    blue, green = run(preprocessors, "recolor_luminance", colours)[0, [0, 63], 0]
    assert green > 2 * blue
    assert (run(preprocessors, "recolor_intensity", colours) == 255).all()


def test_a_ready_made_map_stays_byte_for_byte(preprocessors, picture):
    assert preprocessors.run("none", picture, picture.size).tobytes() == picture.tobytes()


def test_class_colours_are_never_mixed(preprocessors, scene):
    colours = np.random.default_rng(1).integers(0, 256, (40, 3), np.uint8)
    image = Image.fromarray(colours[scene.segmentation((96, 80))])
    for size in ((240, 200), (48, 40), (200, 200)):
        map = np.asarray(preprocessors.run("segmentation", image, size))
        assert {tuple(c) for c in map.reshape(-1, 3)} <= {tuple(c) for c in colours}


def hole(size, box) -> Image.Image:
    mask = Image.new("L", size)
    mask.paste(255, box)
    return mask


def test_the_hole_of_an_inpaint_map_is_minus_one(preprocessors, picture):
    map = preprocessors.run(
        "inpaint_only", picture, picture.size, mask=hole(picture.size, (100, 50, 200, 150))
    )
    values = control_values(map)
    assert values.shape == (3, picture.height, picture.width) and values.dtype == np.float32
    inside = np.zeros(values.shape[1:], bool)
    inside[50:150, 100:200] = True
    assert (values[:, inside] == -1).all()
    expected = np.asarray(picture).transpose(2, 0, 1)[:, ~inside] / np.float32(255)
    assert (values[:, ~inside] == expected).all()


def test_what_lies_beyond_the_picture_is_in_the_hole_too(preprocessors, picture):
    wide = (picture.width * 2, picture.height)
    map = preprocessors.run(
        "inpaint_only",
        picture,
        wide,
        resize_mode="resize_and_fill",
        mask=Image.new("L", picture.size),
    )
    values = control_values(map)
    beyond = picture.width // 2
    assert (values[:, :, :beyond] == -1).all() and (values[:, :, -beyond:] == -1).all()
    assert (values[:, :, beyond:-beyond] >= 0).all()


def test_a_stored_inpaint_map_can_be_given_again(preprocessors, picture):
    mask = hole(picture.size, (10, 10, 90, 90))
    map = preprocessors.run("inpaint_only", picture, picture.size, mask=mask)
    again = preprocessors.run("none", map, map.size)
    assert (control_values(again) == control_values(map)).all()
    assert preprocessors.run("none", map, (256, 256)).mode == "RGBA"


def test_inpaint_says_what_mask_it_needs(preprocessors, picture):
    with pytest.raises(InvalidRequest, match="inpaint_only needs a mask"):
        preprocessors.run("inpaint_only", picture, picture.size)
    with pytest.raises(InvalidRequest, match="mask has 8 × 8 pixels, the picture 384 × 320"):
        preprocessors.run("inpaint_only", picture, picture.size, mask=Image.new("L", (8, 8)))


def test_control_values_of_a_plain_map(picture):
    values = control_values(picture)
    assert values.min() >= 0 and values.max() <= 1
    assert (values[2] == np.asarray(picture)[..., 2] / np.float32(255)).all()

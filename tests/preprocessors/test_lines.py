"""Maps of lines that need no weights, looked at for what they mean."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from studio.picturebook.world import CLASSES, OBJECTS


def run(preprocessors, name, image, **settings) -> np.ndarray:
    """The first channel of the map at the image's own size; all three must be equal."""
    map = preprocessors.run(name, image, image.size, settings)
    assert map.mode == "RGB" and map.size == image.size
    pixels = np.asarray(map)
    assert (pixels == pixels[..., :1]).all()
    return pixels[..., 0]


def near(map: np.ndarray, pixels: int) -> np.ndarray:
    """Where something white is within so many pixels."""
    return cv2.dilate(map, np.ones((2 * pixels + 1,) * 2, np.uint8)) > 127


def outlines_of_objects(scene, size) -> np.ndarray:
    labels = scene.segmentation(size)
    objects = np.isin(labels, [CLASSES.index(name) for name in OBJECTS]).astype(np.uint8)
    return cv2.morphologyEx(objects, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0


def drawing(ink, paper, size=(96, 80)) -> Image.Image:
    image = Image.new("RGB", size, paper)
    draw = ImageDraw.Draw(image)
    draw.line((10, 10, 80, 60), ink, 4)
    draw.rectangle((20, 40, 50, 70), outline=ink, width=3)
    return image


def test_canny_is_that_of_opencv_byte_for_byte(preprocessors, picture):
    assert (run(preprocessors, "canny", picture) == cv2.Canny(np.asarray(picture), 100, 200)).all()
    map = run(preprocessors, "canny", picture, low_threshold=20, high_threshold=50)
    assert (map == cv2.Canny(np.asarray(picture), 20, 50)).all()


def test_canny_finds_the_outlines_of_what_is_drawn(preprocessors, scene, picture):
    map = run(preprocessors, "canny", picture)
    outlines = outlines_of_objects(scene, picture.size)
    assert near(map, 2)[outlines].mean() > 0.9
    assert (map > 0).mean() < 0.1  # and little else


def test_higher_thresholds_leave_fewer_edges(preprocessors, picture):
    shares = [
        (run(preprocessors, "canny", picture, low_threshold=low, high_threshold=high) > 0).mean()
        for low, high in ((10, 20), (100, 200), (200, 255))
    ]
    assert shares[0] > shares[1] > shares[2]


@pytest.mark.parametrize("ink", ["black", "blue", "yellow", "#666666"])
def test_a_scribble_on_white_becomes_white_on_black(preprocessors, ink):
    strokes = np.asarray(drawing("white", "black"))[..., 0]
    assert (run(preprocessors, "scribble", drawing(ink, "white")) == strokes).all()


def test_a_scribble_on_black_stays_as_it_is(preprocessors):
    smooth = drawing("white", "black").resize((60, 50), Image.Resampling.BILINEAR)
    map = preprocessors.run("scribble", smooth, smooth.size)
    assert map.tobytes() == smooth.tobytes()


def test_strokes_of_xdog_follow_the_drawing(preprocessors):
    image = drawing("black", "white")
    strokes = np.asarray(drawing("white", "black"))[..., 0]
    map = run(preprocessors, "scribble_xdog", image)
    assert set(np.unique(map)) == {0, 255}
    assert near(strokes, 1)[map > 0].all() and (map > 0)[strokes > 0].mean() > 0.7


def test_a_higher_threshold_of_xdog_gives_fewer_strokes(preprocessors, picture):
    few, many = (
        (run(preprocessors, "scribble_xdog", picture, threshold=value) > 0).mean()
        for value in (48, 8)
    )
    assert 0 < few < many < 0.5


def test_standard_line_art_shows_dark_lines_and_no_flat_areas(preprocessors, scene, picture):
    strokes = np.asarray(drawing("white", "black"))[..., 0]
    map = run(preprocessors, "lineart_standard", drawing("black", "white"))
    assert map[strokes > 0].mean() > 100 > 5 > map[~near(strokes, 12)].mean()
    outlines = outlines_of_objects(scene, picture.size)
    scene_map = run(preprocessors, "lineart_standard", picture).astype(float)
    assert scene_map[outlines].mean() > 3 * scene_map[~outlines].mean()


@pytest.mark.parametrize("name", ["lineart_standard", "scribble_xdog", "scribble", "canny"])
def test_a_flat_picture_has_no_lines(preprocessors, name):
    assert not run(preprocessors, name, Image.new("RGB", (70, 50), (90, 200, 30))).any()


def test_threshold_cuts_where_it_says(preprocessors):
    ramp = np.tile(np.arange(256, dtype=np.uint8), (64, 1))
    image = Image.fromarray(ramp).convert("RGB")
    assert (run(preprocessors, "threshold", image) == (ramp > 127) * 255).all()
    assert (run(preprocessors, "threshold", image, threshold=30) == (ramp > 30) * 255).all()


def test_inverting_twice_gives_the_picture_back(preprocessors, picture):
    once = preprocessors.run("invert", picture, picture.size)
    assert (np.asarray(once) == 255 - np.asarray(picture)).all()
    assert preprocessors.run("invert", once, once.size).tobytes() == picture.tobytes()

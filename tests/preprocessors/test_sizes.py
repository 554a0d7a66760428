"""At which size a picture is looked at, how its map is fitted, and that it is made once."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from studio.domain.errors import InvalidRequest
from studio.domain.preprocessors import PREPROCESSORS
from studio.imaging.resizing import resized
from studio.preprocessors import lines, maps
from studio.preprocessors.map_cache import MapCache
from studio.preprocessors.placing import placed, working_size


def canny_at(picture, size) -> np.ndarray:
    return cv2.Canny(np.asarray(resized(picture, size)), 100, 200)


@pytest.mark.parametrize(
    ("mode", "resolution"),
    [("just_resize", 512), ("crop_and_resize", 512), ("resize_and_fill", 384)],
)
def test_pixel_perfect_is_the_short_side_times_the_factor(mode, resolution):
    # 800 × 600 to 512 × 512: factors 0.64 and 0.853
    assert min(working_size((800, 600), (512, 512), None, mode)) == resolution


def test_a_resolution_is_the_short_side():
    assert working_size((800, 600), (64, 64), 512, "just_resize") == (683, 512)
    assert working_size((600, 800), (64, 64), 512, "just_resize") == (512, 683)


def test_very_long_pictures_do_not_exhaust_the_memory():
    width, height = working_size((8000, 10), (2048, 2048), None, "crop_and_resize")
    assert width * height <= 2**24 * 1.1


def test_a_pixel_perfect_map_is_not_resized_again(preprocessors, picture):
    size = (picture.width * 2, picture.height * 2)
    map = np.asarray(preprocessors.run("canny", picture, size))[..., 0]
    assert (map == canny_at(picture, size)).all()


def test_a_map_of_lines_is_resized_by_the_nearest_pixel(preprocessors, picture):
    map = preprocessors.run("canny", picture, picture.size, resolution=160)
    half = Image.fromarray(canny_at(picture, (192, 160)))
    expected = half.resize(picture.size, Image.Resampling.NEAREST)
    assert (np.asarray(map)[..., 0] == np.asarray(expected)).all()
    assert set(np.unique(np.asarray(map))) == {0, 255}


def test_crop_and_resize_shows_the_middle(preprocessors, picture):
    map = np.asarray(preprocessors.run("canny", picture, (320, 320)))[..., 0]
    assert (map == canny_at(picture, picture.size)[:, 32:-32]).all()


def test_just_resize_stretches(preprocessors, picture):
    map = preprocessors.run("canny", picture, (384, 640), resize_mode="just_resize")
    whole = Image.fromarray(canny_at(picture, (768, 640)))
    expected = whole.resize((384, 640), Image.Resampling.NEAREST)
    assert (np.asarray(map)[..., 0] == np.asarray(expected)).all()


def test_resize_and_fill_adds_no_lines(preprocessors, picture):
    map = np.asarray(
        preprocessors.run("canny", picture, (384, 640), resize_mode="resize_and_fill")
    )[..., 0]
    assert not map[:160].any() and not map[480:].any()
    assert (map[160:480] == canny_at(picture, picture.size)).all()


def test_masks_and_single_rows_can_be_placed():
    mask = Image.new("L", (10, 1), 200)
    assert placed(mask, (20, 20), "resize_and_fill").getextrema() == (200, 200)
    assert placed(mask, (20, 20), "resize_and_fill", background=0).getextrema() == (0, 200)


@pytest.mark.parametrize("name", [name for name, spec in PREPROCESSORS.items() if not spec.weights])
@pytest.mark.parametrize("size", [(1, 1), (8, 333), (64, 64)])
def test_pictures_of_all_sizes_give_maps_of_the_size_asked_for(preprocessors, picture, name, size):
    image = picture.resize(size)
    for mode in ("just_resize", "crop_and_resize", "resize_and_fill"):
        mask = Image.new("L", size, 255)
        map = preprocessors.run(name, image, (128, 72), resize_mode=mode, mask=mask)
        assert map.size == (128, 72)


def test_gray_and_palette_pictures_are_taken(preprocessors, picture):
    for mode in ("L", "P", "RGBA"):
        assert preprocessors.run("canny", picture.convert(mode), (64, 64)).mode == "RGB"


def test_bad_input_is_told(preprocessors, picture):
    for resolution in (63, 2049, 512.5, "512"):
        with pytest.raises(InvalidRequest, match="resolution: .* from 64 to 2048"):
            preprocessors.run("canny", picture, (64, 64), resolution=resolution)
    with pytest.raises(InvalidRequest, match="resize_mode: 'stretch' is unknown"):
        preprocessors.run("canny", picture, (64, 64), resize_mode="stretch")
    with pytest.raises(InvalidRequest, match="the map is empty"):
        preprocessors.run("canny", picture, (0, 64))
    with pytest.raises(InvalidRequest, match="the map has 90000 × 90000 pixels"):
        preprocessors.run("canny", picture, (90000, 90000))


def test_a_map_is_made_once_for_the_same_picture_and_settings(preprocessors, picture, monkeypatch):
    calls = []

    def counted(pixels, settings):
        calls.append(settings)
        return lines.canny(pixels, settings)

    monkeypatch.setitem(maps._WEIGHT_FREE, "canny", counted)
    first = preprocessors.run("canny", picture, (96, 80))
    first_bytes = first.tobytes()
    first.paste(255, (0, 0, 96, 80))  # what a caller does to a map stays the caller's
    again = preprocessors.run("canny", picture.copy(), (96, 80), {"low_threshold": 100})
    assert again.tobytes() == first_bytes and len(calls) == 1
    preprocessors.run("canny", picture, (96, 80), {"low_threshold": 90})
    preprocessors.run("canny", picture, (96, 88))
    preprocessors.run("canny", picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT), (96, 80))
    assert len(calls) == 4


def test_kept_maps_stay_within_their_bytes():
    kept = MapCache(3 * 100)
    for number in range(4):
        kept.put(number, Image.new("L", (10, 10), number))
        kept.get(0)
    assert [kept.get(number) is not None for number in range(4)] == [True, False, True, True]

"""Which picture a unit's map is made from, and that the map of a result can be made again."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from studio.domain.control import ControlInput
from studio.domain.errors import InvalidRequest, NotFound
from studio.domain.geometry import Box
from studio.domain.request import GenerationRequest
from studio.engine import maps
from studio.families.stable_diffusion.family import PICTUREBOOK
from studio.imaging import plans
from studio.imaging.passes import Pass
from studio.preprocessors.maps import Preprocessors
from tests.engine.pictures import box_mask, scene

SIZE = (128, 96)
HOLE = (32, 32, 64, 64)


@pytest.fixture
def map_of(tmp_path):
    return Preprocessors([], tmp_path).of_unit


def png(image):
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def of_words(unit, image, map_of):
    """The map of a unit with that image, where the picture is drawn from words."""
    run = Pass(SIZE, Box(0, 0, *SIZE))
    return maps.of_pass(
        ControlInput(image="image", **unit), run, None, lambda _: png(image), map_of
    )


def settled(files, unit, **task):
    request = GenerationRequest(task={"image": "image", **task}, controls=[unit])
    size = Image.open(io.BytesIO(files["image"])).size
    return request.settled("model", PICTUREBOOK, plans.source_size(request.task, size))


class TestTransparency:
    """Of ready-made maps."""

    @pytest.fixture
    def strokes(self):
        image = Image.new("RGBA", SIZE, (0, 0, 0, 0))
        image.paste((255, 255, 255, 255), HOLE)
        return image

    @pytest.mark.parametrize(
        "unit",
        [
            {"controlnet": "control_v11p_sd15_inpaint"},
            {"controlnet": "union", "union_type": "inpaint"},
        ],
        ids=str,
    )
    def test_is_a_hole_for_those_that_inpaint(self, strokes, map_of, unit):
        map = of_words(unit, strokes, map_of)
        assert map.mode == "RGBA" and map.getchannel("A").tobytes() == strokes.tobytes()[3::4]

    @pytest.mark.parametrize(
        "unit",
        [
            {"controlnet": "scribble"},
            {"controlnet": "control_v11p_sd15_inpaint", "union_type": "scribble"},
        ],
        ids=str,
    )
    def test_is_black_for_all_others(self, strokes, map_of, unit):
        map = of_words(unit, strokes, map_of)
        expected = Image.new("RGB", SIZE)
        expected.paste("white", HOLE)
        assert map.mode == "RGB" and map.tobytes() == expected.tobytes()

    def test_is_white_for_preprocessors_which_look_at_pictures(self, map_of):
        drawing = Image.new("RGBA", SIZE, (0, 0, 0, 0))
        drawing.paste((0, 0, 0, 255), HOLE)
        map = of_words({"controlnet": "scribble", "preprocessor": "scribble"}, drawing, map_of)
        assert map.getpixel((40, 40)) == (255, 255, 255) and map.getpixel((5, 5)) == (0, 0, 0)


@pytest.fixture
def files():
    large = scene((256, 192))
    return {
        "image": png(large),
        "other": png(scene((512, 384), 8)),
        "mask": png(box_mask(large.size, (150, 60, 190, 100))),
    }


ONLY_MASKED = {"kind": "inpaint", "mask": "mask", "area": "only_masked", "padding": 16}
INPAINT = {"kind": "inpaint", "mask": "mask", "mask_blur": 0}


@pytest.mark.parametrize("image", [None, "other"])
def test_a_unit_sees_the_part_that_the_pass_draws(files, map_of, image):
    """With a picture of its own: the part that lies where the pass does."""
    unit = {"controlnet": "a", "image": image}
    request = settled(files, unit, **ONLY_MASKED)
    map = maps.of_request(request, 1, files.__getitem__, map_of)
    [run] = plans.plan(request, files.__getitem__).passes
    whole = Image.open(io.BytesIO(files[image or "image"])).resize((256, 192), 1)
    expected = whole.crop(run.box).resize(run.size)
    assert map.size == run.size and run.box.size != (256, 192)
    assert np.abs(np.asarray(map, float) - expected).mean() < 3


@pytest.mark.parametrize("image", [None, "other"])
def test_what_is_repainted_is_the_hole(files, map_of, image):
    unit = {"controlnet": "a", "image": image, "preprocessor": "inpaint_only"}
    request = settled(files, unit, **INPAINT)
    map = maps.of_request(request, 1, files.__getitem__, map_of)
    [run] = plans.plan(request, files.__getitem__).passes
    assert map.mode == "RGBA"
    assert (np.asarray(map)[..., 3] == 0).tolist() == (np.asarray(run.mask) >= 128).tolist()


def test_a_unit_that_is_not_there_and_one_that_cannot_be_made(files, map_of):
    unit = {"controlnet": "a", "preprocessor": "openpose"}
    request = settled(files, unit, **INPAINT)
    for number in (0, 2):
        with pytest.raises(NotFound, match=f"no ControlNet unit {number}: the picture has 1"):
            maps.of_request(request, number, files.__getitem__, map_of)
    with pytest.raises(InvalidRequest, match=r"^controls\.0: OpenPose .* needs"):
        maps.of_request(request, 1, files.__getitem__, map_of)

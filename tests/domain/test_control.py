"""ControlNet units: how they may be written, and what is refused."""

from __future__ import annotations

import pytest

from studio.domain.control import ControlInput
from studio.domain.errors import InvalidRequest
from studio.domain.request import GenerationRequest


def parse(*controls) -> GenerationRequest:
    return GenerationRequest.parse({"controls": list(controls)})


def test_a_unit_may_be_written_as_text():
    text = "controlnet=canny,image=a, b.png,preprocessor=canny,scale=0.8,low_threshold=50"
    [unit] = parse(text).controls
    assert unit == ControlInput(
        controlnet="canny",
        image="a, b.png",
        preprocessor="canny",
        scale=0.8,
        settings={"low_threshold": 50},
    )


def test_units_survive_the_file_form_of_a_request():
    request = parse("controlnet=a,image=b.png,start=0.2,end=0.7,mode=control")
    assert GenerationRequest.parse(request.model_dump_json()) == request


def test_the_default_acts_all_along_at_full_weight():
    [unit] = parse("controlnet=a,image=b.png").controls
    assert (unit.scale, unit.start, unit.end, unit.mode) == (1.0, 0.0, 1.0, "balanced")
    assert (unit.preprocessor, unit.resize_mode) == ("none", "crop_and_resize")


@pytest.mark.parametrize(
    ("unit", "says"),
    [
        ({"controlnet": "a", "image": "b", "scale": float("nan")}, r"controls\.0\.scale"),
        ({"controlnet": "a", "image": "b", "scale": 0}, r"controls\.0\.scale: 0 "),
        (
            {"controlnet": "a", "image": "b", "scale": 10},
            r"controls\.0\.scale: 10 .* a number above 0, up to 2\.",
        ),
        (
            {"controlnet": "a", "image": "b", "resolution": 9},
            r"controls\.0\.resolution: 9 .* from 64 to 2048",
        ),
        ({"controlnet": "a", "image": "b", "start": 0.8, "end": 0.2}, r"starts at 0\.8.*0\.2"),
        ({"image": "b"}, r"controls\.0\.controlnet: is missing"),
        ({"controlnet": "a"}, r"controls\.0 has no image"),
        ({"controlnet": "a", "image": "b", "preprocessor": "cany"}, "Did you mean canny"),
        (
            {"controlnet": "a", "image": "b", "preprocessor": "canny", "settings": {"low": 1}},
            "canny has no setting 'low'",
        ),
        (
            {
                "controlnet": "a",
                "image": "b",
                "preprocessor": "canny",
                "settings": {"low_threshold": 999},
            },
            "low_threshold: 999",
        ),
        ("canny and a picture", "is not understood"),
    ],
    ids=str,
)
def test_bad_input_names_the_unit_and_what_is_wrong(unit, says):
    with pytest.raises(InvalidRequest, match=says):
        parse(unit)


def test_ten_units_are_too_many():
    with pytest.raises(InvalidRequest, match="controls: 10 are too many, at most 8"):
        parse(*["controlnet=a,image=b"] * 10)


def test_with_a_picture_to_begin_with_a_unit_needs_none_of_its_own():
    task = {"kind": "image_to_image", "image": "a.png"}
    request = GenerationRequest.parse({"task": task, "controls": ["controlnet=canny"]})
    assert request.controls[0].image is None


def test_a_map_shows_what_its_preprocessor_makes_unless_told_otherwise():
    text = "controlnet=a,image=b,preprocessor={}"
    kinds = [
        parse(text.format(name)).controls[0].control_type
        for name in ("none", "canny", "invert", "none,union_type=depth", "canny,union_type=mlsd")
    ]
    assert kinds == ["", "canny", "lineart", "depth", "mlsd"]
    with pytest.raises(
        InvalidRequest, match=r"controls\.0\.union_type: .*none of: openpose, depth"
    ):
        parse("controlnet=a,image=b,union_type=edges")

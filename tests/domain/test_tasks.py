"""Tasks that begin with a picture: their fields, their ranges, what they refuse."""

from __future__ import annotations

import pytest

from studio.domain.errors import InvalidRequest
from studio.domain.request import GenerationRequest, declaration
from studio.domain.tasks import ImageToImage, Inpaint, Outpaint, TextToImage


def parse(kind: str, **fields):
    return GenerationRequest.parse({"task": {"kind": kind, "image": "a.png", **fields}}).task


def test_a_request_is_text_to_image_unless_it_says_otherwise():
    assert GenerationRequest().task == TextToImage()


@pytest.mark.parametrize(
    ("kind", "extra", "cls"),
    [
        ("image_to_image", {}, ImageToImage),
        ("inpaint", {"mask": "m.png"}, Inpaint),
        ("outpaint", {"right": 64}, Outpaint),
    ],
)
def test_a_task_survives_its_file_form(kind, extra, cls):
    request = GenerationRequest(prompt="a cat", task={"kind": kind, "image": "a.png", **extra})
    assert isinstance(request.task, cls)
    assert GenerationRequest.parse(request.model_dump_json()) == request


@pytest.mark.parametrize(
    ("kind", "field", "least", "most"),
    [
        ("image_to_image", "strength", 0, 1),
        ("inpaint", "mask_blur", 0, 64),
        ("inpaint", "mask_grow", -64, 64),
        ("inpaint", "padding", 0, 256),
        ("outpaint", "feather", 0, 64),
    ],
)
def test_ranges_hold_and_the_message_names_the_field(kind, field, least, most):
    rest = {"inpaint": {"mask": "m.png"}, "outpaint": {"top": 8}}.get(kind, {})
    for value in (least, most):
        assert getattr(parse(kind, **rest, **{field: value}), field) == value
    for value in (least - 1, most + 1):
        with pytest.raises(InvalidRequest, match=rf"task\.{field}: {value} .*{least} to {most}"):
            parse(kind, **rest, **{field: value})


def test_what_artists_expect_is_the_default():
    task = parse("inpaint", mask="m.png")
    assert (task.strength, task.mask_blur, task.padding) == (0.75, 4, 32)
    assert (task.masked_content, task.area, task.resize_mode) == (
        "original",
        "whole_picture",
        "just_resize",
    )
    assert (task.invert, task.soft, task.mask_grow) == (False, False, 0)


def test_a_task_without_its_picture_or_mask_says_what_is_missing():
    with pytest.raises(InvalidRequest, match=r"task\.image: is missing"):
        GenerationRequest.parse({"task": {"kind": "image_to_image"}})
    with pytest.raises(InvalidRequest, match=r"task\.mask: is missing"):
        parse("inpaint")


def test_fields_of_another_task_are_refused_by_name():
    with pytest.raises(InvalidRequest, match=r"task\.mask: unknown field"):
        parse("image_to_image", mask="m.png")


@pytest.mark.parametrize("nan", [float("nan"), float("inf")])
def test_strength_is_a_number(nan):
    with pytest.raises(InvalidRequest, match=r"task\.strength"):
        parse("image_to_image", strength=nan)


def test_an_unknown_kind_lists_those_there_are():
    with pytest.raises(InvalidRequest, match="'draw' is unknown.*'text_to_image'.*'outpaint'"):
        parse("draw")


class TestOutpaint:
    def test_it_must_go_somewhere(self):
        with pytest.raises(InvalidRequest, match="say how far"):
            parse("outpaint")

    def test_pixels_or_a_ratio_but_not_both(self):
        with pytest.raises(InvalidRequest, match="not both"):
            parse("outpaint", left=8, aspect_ratio="16:9")

    @pytest.mark.parametrize("written", ["16:9", "16 / 9", "16x9", " 16 : 9 "])
    def test_ratios_as_people_write_them(self, written):
        assert parse("outpaint", aspect_ratio=written).aspect_ratio == "16:9"

    @pytest.mark.parametrize("wrong", ["wide", "16", "0:9", "16:0", "-1:2", "1:100", "a:b"])
    def test_no_ratio(self, wrong):
        with pytest.raises(InvalidRequest, match="ratio"):
            parse("outpaint", aspect_ratio=wrong)


def test_a_task_declares_its_own_defaults():
    assert declaration("strength", "inpaint").default == 0.75
    assert declaration("strength", "outpaint").default == 1.0
    with pytest.raises(KeyError):
        declaration("mask_blur")

"""Detailers: what they are made of, what they refuse, and which things they number how."""

from __future__ import annotations

import pytest

from studio.domain import infotext
from studio.domain.detailers import MOST_THINGS, Detailer, Found, drawn, in_order
from studio.domain.errors import InvalidRequest
from studio.domain.geometry import Box
from studio.domain.request import GenerationRequest, declaration
from studio.families.stable_diffusion.family import PICTUREBOOK
from tests.reading.shelf import read, why

PICTURE = (100, 100)


def detailer(text: str) -> Detailer:
    return GenerationRequest.parse({"detailers": [text]}).detailers[0]


def thing(left: int, top: int, side: int, score: float = 0.9, label: str = "house") -> Found:
    return Found(Box(left, top, left + side, top + side), score, label)


def test_a_detailer_may_be_written_as_text():
    text = "picturebook segmenter:classes=House, cat,strength=0.5,only=2 0,active=no"
    one = detailer(text)
    assert one == Detailer(
        detector="picturebook segmenter",
        classes="House, cat",
        strength=0.5,
        only=(2, 0),
        active=False,
    )
    assert one.class_names == ("house", "cat")
    assert detailer("Faces (BlazeFace)").detector == "Faces (BlazeFace)"
    assert detailer("C:/models/a.onnx:count=1").detector == "C:/models/a.onnx"
    assert detailer("detector=a.onnx,count=1") == detailer("a.onnx:count=1")


def test_what_is_known_of_adetailer_is_the_default():
    one = Detailer(detector="x")
    assert (one.strength, one.confidence, one.padding) == (0.4, 0.3, 32)
    assert (one.mask_grow, one.mask_blur, one.count) == (4, 4, 0)
    assert declaration("detailers.strength").maximum == 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"detailers": ["x:strength=2"]}, r"detailers\.0\.strength: '2'.* from 0 to 1\."),
        ({"detailers": [""]}, r"detailers\.0\.detector: ''"),
        ({"detailers": ["x:min_size=0.5,max_size=0.2"]}, "least size, 0.5, is above"),
        ({"detailers": ["x:order=tall first"]}, "left to right"),
        ({"detailers": ["x:only=100"]}, r"detailers\.0\.only\.0"),
        ({"detailers": ["x:size=3"]}, r"detailers\.0\.size: unknown field"),
        ({"detailers": ["x"] * 9}, "at most 8"),
        ({"task": {"kind": "details", "image": "a"}}, "needs one that is active"),
        (
            {"task": {"kind": "details", "image": "a"}, "detailers": ["x:active=no"]},
            "needs one that is active",
        ),
        ({"task": {"kind": "upscale", "image": "a"}, "detailers": ["x"]}, "but enlarged"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(fields, message):
    with pytest.raises(InvalidRequest, match=message):
        GenerationRequest.parse(fields)


def test_things_are_numbered_in_the_order_asked_for():
    small, large, middle = thing(0, 0, 10, 0.7), thing(80, 60, 20, 0.8), thing(45, 45, 10, 0.95)
    found = [large, middle, small]
    orders = {
        "left to right": [small, middle, large],
        "largest first": [large, small, middle],
        "centre first": [middle, large, small],
        "best first": [middle, large, small],
    }
    for order, expected in orders.items():
        assert in_order(found, Detailer(detector="x", order=order), PICTURE) == expected


def test_what_is_unsure_small_large_or_of_another_class_is_left_alone():
    found = [
        thing(0, 0, 10, 0.29),
        thing(10, 0, 10, 0.3),
        thing(20, 0, 9),
        thing(30, 0, 21),
        thing(60, 0, 15, label="Cat"),
    ]
    asked = "x:min_size=0.01,max_size=0.04,classes={}"
    assert in_order(found, detailer(asked.format("house,cat")), PICTURE) == [found[1], found[4]]
    assert in_order(found, detailer(asked.format("CAT")), PICTURE) == [found[4]]


def test_so_many_are_drawn_as_are_asked_for_and_never_too_many():
    found = [thing(at, 0, 1) for at in range(500)]
    assert list(drawn(found, Detailer(detector="x"))) == list(range(MOST_THINGS))
    assert list(drawn(found, Detailer(detector="x", count=3))) == [0, 1, 2]
    only = drawn(found, Detailer(detector="x", only=(7, 2)))
    assert {number: one.box.left for number, one in only.items()} == {2: 2, 7: 7}
    assert drawn(found[:2], Detailer(detector="x", only=(7,))) == {}


def test_a_thing_is_drawn_as_the_picture_but_for_what_the_detailer_says():
    request = GenerationRequest(
        prompt="a town",
        seed=5,
        batch_size=3,
        steps=9,
        loras=["ink:0.5", "oil:1"],
        hires={"factor": 2},
        detailers=[{"detector": "x", "prompt": "a house", "loras": ["oil:0.2"]}, "y"],
    ).settled("picturebook", PICTUREBOOK)
    own, same = (request.detail(one, 2, 4) for one in request.detailers)
    assert (own.prompt, same.prompt) == ("a house", "a town")
    assert {lora.name: lora.weight for lora in own.loras} == {"ink": 0.5, "oil": 0.2}
    assert {lora.name: lora.weight for lora in same.loras} == {"ink": 0.5, "oil": 1}
    assert (own.seed, own.batch_size, own.steps, own.hires) == (5 + 2 + 4, 1, 9, None)
    assert own.detailers == () == request.before_details().detailers


def test_things_are_drawn_at_the_size_that_the_checkpoint_was_made_for():
    task = {"kind": "details", "image": "input:a"}
    request = GenerationRequest(task=task, detailers=["x"])
    settled = request.settled("picturebook", PICTUREBOOK, (2000, 300))
    assert (settled.width, settled.height) == PICTUREBOOK.native_size


def test_infotext_says_it_in_the_words_of_adetailer_and_theirs_is_read():
    request = GenerationRequest(
        prompt="a town", detailers=["a:active=no", "x.onnx:classes=cat,steps=7", "y:strength=0.5"]
    ).settled("picturebook", PICTUREBOOK)
    text = infotext.write(request, 0)
    assert "ADetailer model: x.onnx, ADetailer model classes: cat" in text
    assert "ADetailer use separate steps: True, ADetailer steps: 7" in text
    assert "ADetailer model 2nd: y" in text and "ADetailer denoising strength 2nd: 0.5" in text
    theirs = (
        "a portrait\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512, "
        "ADetailer model: face_yolov8n.pt, ADetailer prompt: a smile, ADetailer confidence: 0.3, "
        "ADetailer mask only top k largest: 1, ADetailer dilate erode: 4, ADetailer mask blur: 4, "
        "ADetailer denoising strength: 0.5, ADetailer inpaint only masked: True, ADetailer inpaint "
        "padding: 32, ADetailer x offset: 3, ADetailer version: 23.11.1, Version: v1.7.0"
    )
    reading = read(theirs)
    assert reading.request["detailers"] == [
        {
            "detector": "face_yolov8n.pt",
            "order": "largest first",
            "prompt": "a smile",
            "confidence": 0.3,
            "count": 1,
            "mask_grow": 4,
            "mask_blur": 4,
            "strength": 0.5,
            "padding": 32,
        }
    ]
    assert list(why(reading)) == ["ADetailer x offset"]

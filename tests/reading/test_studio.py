"""Our own: the chunk `studio`, and what is listed of files whose models are not here."""

from __future__ import annotations

import json

import pytest

from studio.domain import infotext
from studio.domain.request import GenerationRequest
from studio.reading.metadata import metadata
from studio.reading.reader import told
from tests.reading.files import png
from tests.reading.shelf import read, why

INPUT, MASK, MAP, SKETCH = (letter * 32 for letter in "abcd")
MODELS = ("checkpoint", "dream"), ("lora", "ink"), ("controlnet", "canny"), ("vae", "soft")
REQUEST = GenerationRequest(
    prompt="a fox",
    checkpoint="dream",
    vae="soft",
    width=128,
    height=96,
    seed=5,
    batch_size=4,
    batch_place=2,
    loras=["ink:0.8:0.5"],
    controls=[{"controlnet": "canny", "image": f"input:{MAP}", "preprocessor": "canny"}],
    task={"kind": "inpaint", "image": f"input:{INPUT}", "mask": f"input:{MASK}", "soft": True},
)


def own(**changed):
    return png(studio=json.dumps(REQUEST.model_dump(mode="json") | changed))


def test_it_is_the_same_request():
    reading = read(own(), *MODELS, inputs=(INPUT, MASK, MAP))
    assert reading.source == "studio"
    assert not reading.ignored and not reading.missing and not reading.awaits
    assert GenerationRequest.parse(reading.request) == REQUEST


def test_what_is_gone_is_missing():
    reading = read(own(), ("checkpoint", "dream"), inputs=[INPUT])
    assert [(entry.kind, entry.name) for entry in reading.missing] == [
        ("vae", "soft"),
        ("lora", "ink"),
        ("controlnet", "canny"),
        ("image", f"input:{MASK}"),
    ]
    assert not reading.request.keys() & {"vae", "loras", "controls", "task"}
    assert reading.awaits["task"]["image"] == f"input:{INPUT}"


def test_a_sketch_comes_back_and_is_missed_where_it_is_gone():
    task = {"kind": "image_to_image", "image": f"input:{INPUT}", "sketch": f"input:{SKETCH}"}
    pictures = INPUT, MAP
    reading = read(own(task=task), *MODELS, inputs=(*pictures, SKETCH))
    assert reading.request["task"] == task and not reading.missing
    told = infotext.write(GenerationRequest.parse(reading.request), 0)
    for file in (own(task=task), told.encode()):
        reading = read(file, *MODELS, inputs=pictures)
        assert reading.request["task"]["image"] == f"input:{INPUT}"
        assert "sketch" not in reading.request["task"]
        assert f"input:{SKETCH}" in [entry.name for entry in reading.missing]
    assert read(told.encode(), *MODELS, inputs=(*pictures, SKETCH)).request["task"]["sketch"]


def test_of_another_version_what_is_still_there_is_taken():
    reading = read(own(sparkle=3, steps=900, eta="much"), *MODELS, inputs=(INPUT, MASK, MAP))
    assert why(reading).keys() == {"sparkle", "steps", "eta"}
    assert reading.request["prompt"] == "a fox"
    assert not {"sparkle", "steps", "eta"} & {*reading.request, *reading.understood}


@pytest.mark.parametrize("field", list(GenerationRequest.model_fields))
def test_values_of_any_kind(field, caplog):
    for value in (None, [], {}, True, -1, 1e300, "x", [[1]], [{}], {"kind": []}, {"name": 3}):
        reading = read(own(**{field: value}), *MODELS, inputs=(INPUT, MASK, MAP))
        GenerationRequest.parse(reading.request)
    assert not caplog.records


def test_a_damaged_one_gives_way_to_its_infotext():
    text = "a hill\nSteps: 4, Sampler: Euler, Seed: 9, Version: Latent Studio 1"
    reading = read(png(studio="{", parameters=text))
    assert reading.source == "studio" and reading.request["prompt"] == "a hill"


def test_what_is_listed_whether_or_not_its_models_are_here():
    text = "a hill <lora:ink:1>\nSteps: 4, Sampler: Euler, Seed: 9, Model: gone"
    graph = {
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "gone"}},
        "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "a hill"}},
        "3": {
            "class_type": "KSampler",
            "inputs": {"seed": 9, "model": ["1", 0], "positive": ["2", 0], "latent_image": 1},
        },
    }
    for data in (png(parameters=text), png(prompt=json.dumps(graph))):
        request = told(metadata(data).texts).request
        assert (request["prompt"], request["seed"], request["checkpoint"]) == ("a hill", 9, "gone")
    assert told({}).source == "none"

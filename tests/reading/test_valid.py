"""Whatever stands in a file: what is read of it can be queued as it is."""

from __future__ import annotations

import random

import pytest

from studio.catalog.catalog import Catalog
from studio.catalog.settle import settle
from studio.domain.errors import InvalidRequest
from studio.domain.request import GenerationRequest
from studio.reading.reader import Reader
from studio.settings import assets_dir

KEYS = [
    *("Steps", "Sampler", "Schedule type", "CFG scale", "Seed", "Size", "Model", "Model hash"),
    *("VAE", "Clip skip", "Eta", "Sigma churn", "Sigma tmin", "Sigma tmax", "Denoising strength"),
    *("Hires upscale", "Hires resize", "Hires steps", "Hires upscaler", "Hires sampler"),
    *("Hires schedule type", "Hires checkpoint", "Hires prompt", "Hires CFG Scale", "Refiner"),
    *("Refiner switch at", "Mask blur", "Masked content", "Inpaint area", "Mask grow"),
    *("Outpaint left", "Outpaint aspect ratio", "Outpaint feather", "Resize mode", "Batch size"),
    *("Init image hash", "Lora hashes", "TI hashes", "Hashes", "ControlNet 0", "ControlNet 1"),
    *("Version", "App", "Exact prompt", "Exact LoRAs", "Batch pos", "Hires scale"),
]
VALUES = [
    *("0", "1", "-1", "0.5", "1e9", "nan", "20", "512x512", "0x0", "99999x1", "picturebook"),
    *("Euler a", "DPM fast", "DPM++ 2M Karras", "Karras", "LCM", "Restart", "True", "x", ""),
    *('"a, b"', "Latent", "a" * 32, "0123456789", "16:9", "200:1", "Only masked", "{", "[]"),
    *("Latent Studio 1", "SD.Next", "Fooocus v2", r'"[[\"blueprint\", 99, \"x\"], [], 3]"'),
    '"Model: picturebook-controlnet-canny, Weight: 0, Guidance Start: 0.9, Guidance End: 0.1"',
    '"Module: canny, Model: picturebook-controlnet-canny, Threshold A: 999"',
]
PROMPTS = ["a", "<lora:blueprint:1>", "<lora:blueprint:te=2:unet=x:3>", "", "a <lora:x:99>"]


@pytest.fixture(scope="module")
def catalog():
    return Catalog([assets_dir() / "models"])


@pytest.mark.parametrize("seed", range(4))
def test_what_is_read_can_be_queued(catalog, seed, caplog):
    rng = random.Random(seed)
    reader = Reader(catalog, lambda request: settle(catalog, request), lambda id: True)
    for _ in range(150):
        pairs = [f"{rng.choice(KEYS)}: {rng.choice(VALUES)}" for _ in range(rng.randrange(3, 25))]
        text = f"{rng.choice(PROMPTS)}\nNegative prompt: b\n{', '.join(pairs)}"
        reading = reader.read(text)
        settle(catalog, GenerationRequest.parse(reading.request))
    assert not caplog.records


def test_words_are_not_thrown_away(catalog):
    def check(request):
        if "__animal__" in request.prompt:
            raise InvalidRequest("there is no wildcard animal.", "prompt")

    reading = Reader(catalog, check).read("a __animal__\nSteps: 4, Sampler: Euler, Seed: 9")
    assert reading.request["prompt"] == "a __animal__" and reading.request["seed"] == 9
    assert [(entry.name, entry.why) for entry in reading.ignored] == [
        ("Prompt", "It is as it was, but: there is no wildcard animal.")
    ]

"""What sd-parsers, which others read pictures with, finds in ours."""

from __future__ import annotations

import io
import random

import pytest
from PIL import Image
from sd_parsers import ParserManager
from sd_parsers.data import Generators

from studio.domain import infotext
from studio.domain.events import Picture
from studio.domain.request import GenerationRequest
from studio.domain.schedulers import SCHEDULERS
from studio.families.stable_diffusion.family import PICTUREBOOK
from studio.gallery.exports import Export, exported
from studio.gallery.packing import encode
from tests.reading.files import picture

WORDS = ["a fox", "(red:1.2)", "on a hill,", "[rain|snow]", "ü 城 🐈", "\nwide shot", '"quoted"']


def requests(count):
    rng = random.Random(7)
    for _ in range(count):
        scheduler = rng.choice(list(SCHEDULERS))
        fields = {
            "prompt": " ".join(rng.choices(WORDS, k=rng.randrange(1, 6))).strip(),
            "negative_prompt": rng.choice(["", "blur, lowres", "(bad:1.3)\nworse"]),
            "scheduler": scheduler,
            "steps": rng.randrange(20, 60),
            "guidance_scale": rng.choice([1, 4.5, 7, 12.25]),
            "width": rng.randrange(8, 65) * 8,
            "height": rng.randrange(8, 65) * 8,
            "seed": rng.randrange(2**32),
            "loras": rng.choice([[], [{"name": "ink", "weight": 0.8}]]),
            "hires": rng.choice([None, {"factor": 2, "prompt": "a fox, large"}]),
        }
        model = rng.choice(["picturebook", "dream v1.5 (fine)", "a_b-c"])
        yield GenerationRequest.parse(fields).settled(model, PICTUREBOOK)


@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
def test_its_readings_agree(format):
    parsers = ParserManager()
    kept = []  # it takes two pictures at one place in memory for the same
    for request in requests(40):
        hashes = {("checkpoint", request.checkpoint): "0123456789"}
        text = infotext.write(request, 0, hashes)
        data = encode(Picture(picture(), request.seed, request, text))
        data = exported(data, ".png", Export(format=format), None)
        kept.append(Image.open(io.BytesIO(data)))
        found = parsers.parse(kept[-1])
        assert found.generator == Generators.AUTOMATIC1111
        [sampler] = found.samplers
        tags = [f"<lora:{lora.name}:{lora.weight:g}>" for lora in request.loras]
        assert found.full_prompt == " ".join([request.prompt, *tags])
        assert found.full_negative_prompt == request.negative_prompt
        assert sampler.name == request.scheduler
        assert sampler.parameters["steps"] == str(request.steps)
        assert sampler.parameters["seed"] == str(request.seed)
        assert float(sampler.parameters["cfg_scale"]) == request.guidance_scale
        assert sampler.parameters["scheduler"]
        assert found.metadata["Size"] == f"{request.width}x{request.height}"
        assert (sampler.model.name, sampler.model.hash) == (request.checkpoint, "0123456789")

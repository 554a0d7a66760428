"""The infotext, read back as AUTOMATIC1111's reader does (grammar: prompt lines, an optional
"Negative prompt:" line, and last a line of `key: value` pairs, JSON-quoted where needed)."""

from __future__ import annotations

import json
import re

import pytest

from studio.domain import infotext
from studio.domain.family import PICTUREBOOK
from studio.domain.request import GenerationRequest
from studio.version import __version__

_PAIR = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')


def read(text):
    """(prompt, negative prompt, settings)."""
    *lines, last = text.split("\n")
    settings = dict(_PAIR.findall(last))
    assert len(settings) >= 3
    prompt, negative = "\n".join(lines), ""
    if "Negative prompt: " in prompt:
        prompt, negative = prompt.split("Negative prompt: ", 1)
    return (
        prompt.rstrip("\n"),
        negative,
        {k: json.loads(v) if v.startswith('"') else v for k, v in settings.items()},
    )


def written(seed=5, checkpoint="model", **fields):
    request = GenerationRequest(**fields).settled(checkpoint, PICTUREBOOK)
    return infotext.write(request, seed)


def test_everything_that_makes_the_picture_is_in_it():
    text = written(
        seed=77,
        prompt="a cat",
        negative_prompt="rain",
        scheduler="DPM++ 2M",
        steps=12,
        guidance_scale=6.5,
        width=192,
        height=128,
        clip_skip=2,
        guidance_rescale=0.7,
    )
    prompt, negative, settings = read(text)
    assert (prompt, negative) == ("a cat", "rain")
    assert settings == {
        "Steps": "12",
        "Sampler": "DPM++ 2M",
        "Schedule type": "Karras",
        "CFG scale": "6.5",
        "Seed": "77",
        "Size": "192x128",
        "Model": "model",
        "Clip skip": "2",
        "CFG Rescale": "0.7",
        "RNG": "CPU",
        "Version": f"Latent Studio {__version__}",
    }


def test_defaults_are_left_out_where_readers_supply_them():
    _, _, settings = read(written(prompt="x"))
    assert "Clip skip" not in settings and "CFG Rescale" not in settings
    assert "Negative prompt" not in written(prompt="x")


@pytest.mark.parametrize("name", ["a, b", "a: b", '"quoted"', "512x512", 'say "hi", twice', "ü 城"])
def test_awkward_model_names_are_read_back(name):
    assert read(written(checkpoint=name))[2]["Model"] == name


@pytest.mark.parametrize("prompt", ["", "two\nlines", "Steps: 3, Seed: 4, Size: 5x5", "🐈"])
def test_the_settings_are_the_last_line_whatever_the_prompt(prompt):
    text = written(prompt=prompt)
    assert read(text)[0] == prompt
    assert text.split("\n")[-1].startswith("Steps: 20, ")


def test_models_beside_the_checkpoint_stand_in_it():
    request = GenerationRequest(
        prompt="a cat", vae="soft", loras=["ink:0.8", "wash:0.5:1", "odd: name>:1"]
    ).settled("model", PICTUREBOOK)
    hashes = {
        ("checkpoint", "model"): "0123456789",
        ("vae", "soft"): "aaaaaaaaaa",
        ("lora", "ink"): "bbbbbbbbbb",
        ("lora", "not in use"): "cccccccccc",
        ("embedding", "style"): "dddddddddd",
    }
    prompt, _, settings = read(infotext.write(request, 5, hashes))
    assert prompt == "a cat <lora:ink:0.8> <lora:wash:1:0.5>"
    assert settings["Model hash"] == "0123456789"
    assert (settings["VAE hash"], settings["VAE"]) == ("aaaaaaaaaa", "soft")
    assert settings["Lora hashes"] == "ink: bbbbbbbbbb"
    assert settings["TI hashes"] == "style: dddddddddd"


def test_a_hash_that_is_not_known_is_left_out():
    """A made-up one would let a reader pick a wrong model."""
    text = written(vae="soft", loras=["ink"])
    assert read(text)[2]["VAE"] == "soft"
    assert "hash" not in text
    assert text.startswith("<lora:ink:1>\n")

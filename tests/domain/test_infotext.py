"""The infotext, read back as AUTOMATIC1111's reader does (grammar: prompt lines, an optional
"Negative prompt:" line, and last a line of `key: value` pairs, JSON-quoted where needed)."""

from __future__ import annotations

import json
import re

import pytest

from studio.domain import infotext, lora_text
from studio.domain.request import GenerationRequest
from studio.families.stable_diffusion.family import PICTUREBOOK
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
    request = GenerationRequest(seed=seed, **fields).settled(checkpoint, PICTUREBOOK)
    return infotext.write(request, 0)


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
        prompt="a cat", vae="soft", loras=["ink:0.8", "wash:0.5:1"]
    ).settled("model", PICTUREBOOK)
    hashes = {
        ("checkpoint", "model"): "0123456789",
        ("vae", "soft"): "aaaaaaaaaa",
        ("lora", "ink"): "bbbbbbbbbb",
        ("lora", "not in use"): "cccccccccc",
        ("embedding", "style"): "dddddddddd",
    }
    prompt, _, settings = read(infotext.write(request, 0, hashes))
    assert prompt == "a cat <lora:ink:0.8> <lora:wash:1:0.5>"
    assert settings["Model hash"] == "0123456789"
    assert (settings["VAE hash"], settings["VAE"]) == ("aaaaaaaaaa", "soft")
    assert settings["Lora hashes"] == "ink: bbbbbbbbbb"
    assert settings["TI hashes"] == "style: dddddddddd"


ODD_NAMES = [
    "a:0.8",
    "x, y",
    "<z>",
    "C:\\loras\\ink",
    'so "called"',
    "a\\",
    "ж:1:2",
    "3x4",
    "n: 1, m",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_lora_of_any_name_is_read_back(name):
    request = GenerationRequest(
        prompt="a cat",
        loras=[{"name": "ink"}, {"name": name, "weight": 0.5, "text_encoder_weight": 0.25}],
    ).settled("model", PICTUREBOOK)
    hashes = {("lora", "ink"): "bbbbbbbbbb", ("lora", name): "aaaaaaaaaa"}
    prompt, _, settings = read(infotext.write(request, 0, hashes))
    first, second = re.findall(r"<lora:((?:\\.|[^>\\])*)>", prompt)
    assert first == "ink:1"
    assert lora_text.split(second) == [name, "0.25", "0.5"]
    pairs = re.findall(r'("(?:\\.|[^\\"])*"|[^,:]+): (\w+)(?:, |$)', settings["Lora hashes"])
    names = [json.loads(key) if key.startswith('"') else key for key, _ in pairs]
    assert names == ["ink", name]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_lora_of_any_name_can_be_written_as_text(name):
    for weights in ("", ":0.5", ":0.5:2"):
        [lora] = GenerationRequest.parse({"loras": [lora_text.escaped(name) + weights]}).loras
        assert lora.name == name
        assert lora.weight == (0.5 if weights else 1)


def test_a_hash_that_is_not_known_is_left_out():
    """A made-up one would let a reader pick a wrong model."""
    text = written(vae="soft", loras=["ink"])
    assert read(text)[2]["VAE"] == "soft"
    assert "hash" not in text
    assert text.startswith("<lora:ink:1>\n")


INPUT, MASK = "input:" + "a" * 32, "input:" + "b" * 32


def test_image_to_image_is_told_as_others_write_it():
    task = {"kind": "image_to_image", "image": INPUT, "strength": 0.6}
    text = written(task=task)
    settings = read(text)[2]
    assert settings["Denoising strength"] == "0.6"
    assert settings["Init image hash"] == "a" * 32
    assert "Resize mode" not in settings and "Mask blur" not in settings
    keys = list(settings)
    assert keys.index("Model") < keys.index("Denoising strength") < keys.index("Init image hash")
    assert keys.index("Init image hash") < keys.index("RNG") < keys.index("Version")
    cropped = read(written(task=task | {"resize_mode": "crop_and_resize"}))[2]
    assert cropped["Resize mode"] == "Crop and resize"


def test_inpainting_leaves_out_what_readers_take_for_granted():
    task = {"kind": "inpaint", "image": INPUT, "mask": MASK}
    plain = read(written(task=task))[2]
    assert plain["Mask blur"] == "4"
    names = ("Masked content", "Mask mode", "Inpaint area", "Masked area padding")
    assert not plain.keys() & set(names)
    told = read(
        written(
            task=task
            | {"mask_blur": 8, "masked_content": "latent_noise", "invert": True, "soft": True}
            | {"area": "only_masked", "padding": 48, "mask_grow": -3, "color_correction": True}
        )
    )[2]
    assert (
        told
        | {
            "Mask blur": "8",
            "Masked content": "latent noise",
            "Mask mode": "Inpaint not masked",
            "Inpaint area": "Only masked",
            "Masked area padding": "48",
            "Soft inpainting enabled": "True",
            "Mask grow": "-3",
            "Color correction": "True",
            "Denoising strength": "0.75",
        }
        == told
    )


def test_outpainting_is_told_by_side_or_ratio():
    sides = read(written(task={"kind": "outpaint", "image": INPUT, "left": 64, "bottom": 8}))[2]
    assert (sides["Outpaint left"], sides["Outpaint bottom"]) == ("64", "8")
    assert "Outpaint top" not in sides and sides["Denoising strength"] == "1"
    ratio = read(written(task={"kind": "outpaint", "image": INPUT, "aspect_ratio": "16:9"}))[2]
    assert ratio["Outpaint aspect ratio"] == "16:9" and ratio["Outpaint feather"] == "16"


def test_a_drawing_from_words_alone_tells_no_strength():
    assert not {"Denoising strength", "Init image hash"} & read(written(prompt="a cat"))[2].keys()


class TestUnits:
    """What the ControlNet extension writes, so that its readers find it."""

    @staticmethod
    def unit(hashes=None, **fields):
        request = GenerationRequest(
            controls=[{"controlnet": "control_canny", "image": "input:x"} | fields]
        ).settled("model", PICTUREBOOK)
        found = read(infotext.write(request, 0, hashes))[2]["ControlNet 0"]
        return dict(part.split(": ", 1) for part in re.split(r", (?=[A-Z])", found))

    def test_all_that_their_readers_know(self):
        hashes = {("controlnet", "control_canny"): "abc1234567"}
        settings = {"low_threshold": 50}
        fields = {"preprocessor": "canny", "settings": settings, "scale": 0.8, "end": 0.7}
        assert self.unit(hashes, mode="control", resolution=512, **fields) == {
            "Module": "canny",
            "Model": "control_canny [abc1234567]",
            "Weight": "0.8",
            "Resize Mode": "Crop and Resize",
            "Processor Res": "512",
            "Threshold A": "50",
            "Threshold B": "200",
            "Guidance Start": "0",
            "Guidance End": "0.7",
            "Pixel Perfect": "False",
            "Control Mode": "ControlNet is more important",
        }

    def test_a_ready_made_map_has_no_thresholds(self):
        unit = self.unit()
        assert unit["Module"] == "none" and unit["Pixel Perfect"] == "True"
        assert not {"Threshold A", "Processor Res"} & unit.keys()

    def test_awkward_names_are_quoted(self):
        assert self.unit(controlnet="a: b, c")["Model"] == '"a: b, c"'


def test_a_second_drawing_and_a_refiner_are_told_as_automatic1111_does():
    hires = {
        "factor": 1.5,
        "strength": 0.45,
        "steps": 8,
        "scheduler": "Euler a",
        "noise_schedule": "karras",
        "checkpoint": "other",
        "prompt": "a cat, big",
        "negative_prompt": "fog",
        "guidance_scale": 5,
        "upscaler": "Latent (bicubic)",
    }
    request = GenerationRequest(
        width=128, height=96, hires=hires, refiner={"checkpoint": "other", "switch_at": 0.7}
    ).settled("model", PICTUREBOOK)
    *_, settings = read(infotext.write(request, 0, {("checkpoint", "other"): "0123456789"}))
    expected = {
        "Size": "128x96",
        "Denoising strength": "0.45",
        "Hires upscale": "1.5",
        "Hires steps": "8",
        "Hires upscaler": "Latent (bicubic)",
        "Hires sampler": "Euler a",
        "Hires schedule type": "Karras",
        "Hires checkpoint": "other [0123456789]",
        "Hires prompt": "a cat, big",
        "Hires negative prompt": "fog",
        "Hires CFG Scale": "5",
        "Refiner": "other [0123456789]",
        "Refiner switch at": "0.7",
        "Refiner switch by sampling steps": "True",
    }
    assert expected.items() <= settings.items()
    *_, plain = read(written(hires={"width": 256}))
    assert plain["Hires resize"] == "256x0", "0 is what follows from the other side"
    assert {key for key in plain if key.startswith("Hires")} == {"Hires resize", "Hires upscaler"}

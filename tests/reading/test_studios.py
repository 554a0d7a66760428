"""Files of other studios, written as their formats are documented."""

from __future__ import annotations

import json
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tests.reading.files import encoded, png, with_exif
from tests.reading.shelf import read, sha256, why

MODELS = (
    *(("checkpoint", "dream"), ("checkpoint", "fine"), ("lora", "ink"), ("lora", "wash")),
    *(("vae", "soft"), ("controlnet", "canny")),
)
LORAS = [{"name": "ink", "weight": 0.8}, {"name": "wash", "weight": 0.5}]


def has(reading, **fields):
    taken = {name: reading.request.get(name) for name in fields}
    assert taken == fields


class TestSdNext:
    TEXT = (
        "a fox <lora:ink:0.8>\nNegative prompt: blur\nSteps: 24, Size: 512x768, "
        "Sampler: DPM++ 2M, Seed: 77, CFG scale: 6.5, CFG rescale: 0.7, Clip skip: 2, "
        "App: SD.Next, Version: 1a2b3c4, Parser: compel, Pipeline: StableDiffusionPipeline, "
        f"Operations: txt2img; hires, Model: dream, Model hash: {sha256('dream')[:10]}, "
        "Sampler sigma: karras, Refine: True, HiRes mode: 1, Hires upscaler: Latent, "
        "Hires scale: 1.5, Hires size: 768x1152, "
    )

    def test_its_names(self):
        again = "Hires force: True, Hires steps: 10, Hires strength: 0.4, Hires sampler: Euler a"
        reading = read(png(parameters=self.TEXT + again), *MODELS)
        assert reading.source == "sdnext" and not reading.ignored and not reading.missing
        has(reading, prompt="a fox", negative_prompt="blur", steps=24, seed=77, clip_skip=2)
        has(reading, scheduler="DPM++ 2M", noise_schedule="karras", guidance_rescale=0.7)
        has(reading, width=512, height=768, checkpoint="dream", loras=LORAS[:1])
        assert reading.request["hires"] == {
            "factor": 1.5,
            "steps": 10,
            "strength": 0.4,
            "scheduler": "Euler a",
            "upscaler": "Latent",
        }

    def test_what_was_only_enlarged_is_not_drawn_again(self):
        assert read(self.TEXT + "UNet: x").request["hires"]["strength"] == 0


class TestInvokeAI:
    SAID = {
        "app_version": "5.6.0",
        "generation_mode": "txt2img",
        "positive_prompt": "a fox",
        "negative_prompt": "blur",
        "width": 512,
        "height": 768,
        "seed": 0,
        "rand_device": "cpu",
        "cfg_scale": 6.5,
        "cfg_rescale_multiplier": 0.7,
        "steps": 24,
        "scheduler": "dpmpp_2m_k",
        "clip_skip": 1,
        "model": {"key": "x", "hash": "blake3:aa", "name": "dream", "base": "sd-1"},
        "vae": {"name": "soft", "type": "vae"},
        "loras": [
            {"model": {"name": "ink"}, "weight": 0.8},
            {"lora": {"model_name": "wash"}, "weight": 0.5},
        ],
        "seamless_x": False,
        "positive_style_prompt": "",
    }

    def test_metadata(self):
        reading = read(png(invokeai_metadata=json.dumps(self.SAID)), *MODELS)
        assert reading.source == "invokeai" and not reading.ignored and not reading.missing
        has(reading, prompt="a fox", negative_prompt="blur", steps=24, seed=0, clip_skip=2)
        has(reading, scheduler="DPM++ 2M", noise_schedule="karras", guidance_rescale=0.7)
        has(reading, width=512, height=768, checkpoint="dream", vae="soft", loras=LORAS)
        plain = self.SAID | {"scheduler": "dpmpp_2m", "seamless_x": True, "seamless_z": True}
        reading = read(json.dumps(plain), *MODELS)
        has(reading, scheduler="DPM++ 2M", noise_schedule="normal", tiling="x")
        assert why(reading).keys() == {"seamless_z"}

    def test_a_changed_picture_and_what_is_added(self):
        said = self.SAID | {
            "generation_mode": "sdxl_img2img",
            "strength": 0.6,
            "init_image": "photo.png",
            "refiner_model": {"model_name": "fine"},
            "refiner_start": 0.7,
            "positive_style_prompt": "oil",
            "controlnets": [
                {
                    "control_model": {"name": "canny"},
                    "control_weight": 0.7,
                    "begin_step_percent": 0,
                    "end_step_percent": 0.8,
                    "control_mode": "more_control",
                    "resize_mode": "fill_resize",
                }
            ],
        }
        reading = read(png(invokeai_metadata=json.dumps(said)), *MODELS)
        has(reading, refiner={"checkpoint": "fine", "switch_at": 0.7})
        assert reading.awaits == {
            "task": {"kind": "image_to_image", "strength": 0.6},
            "controls": [
                {"controlnet": "canny", "scale": 0.7, "start": 0.0, "end": 0.8}
                | {"mode": "control", "resize_mode": "resize_and_fill"}
            ],
        }
        assert why(reading).keys() == {"positive_style_prompt"}
        assert [entry.name for entry in reading.missing] == ["photo.png", "of canny"]

    def test_early_versions(self):
        image = {"prompt": [{"prompt": "a fox [blur] [rain]", "weight": 1}], "steps": 24}
        image |= {"seed": 77, "sampler": "k_lms", "cfg_scale": 7.5, "width": 512, "height": 512}
        said = {"model_weights": "old", "model_hash": sha256("dream"), "image": image}
        reading = read(png(sd__metadata=json.dumps(said)), *MODELS)
        has(reading, prompt="a fox", negative_prompt="blur, rain", scheduler="LMS", seed=77)
        has(reading, checkpoint="dream")


class TestFooocus:
    SAID = {
        "prompt": "a fox",
        "negative_prompt": "blur",
        "prompt_expansion": "",
        "styles": "['Fooocus V2']",
        "performance": "Speed",
        "steps": 30,
        "resolution": "(1152, 896)",
        "guidance_scale": 4,
        "sharpness": 2.0,
        "adm_guidance": "(1.5, 0.8, 0.3)",
        "base_model": "elsewhere",
        "base_model_hash": sha256("dream")[:10],
        "refiner_model": "None",
        "refiner_switch": 0.5,
        "clip_skip": 2,
        "sampler": "dpmpp_2m_sde_gpu",
        "scheduler": "karras",
        "vae": "Default (model)",
        "seed": "77",
        "loras": [["called otherwise", 0.8, sha256("ink")[:10]], ["wash", 0.5, ""]],
        "metadata_scheme": "fooocus",
        "version": "Fooocus v2.5.5",
    }
    EXPECTED = {
        "prompt": "a fox",
        "negative_prompt": "blur",
        "steps": 30,
        "seed": 77,
        "width": 1152,
        "height": 896,
        "guidance_scale": 4.0,
        "clip_skip": 2,
        "scheduler": "DPM++ 2M SDE",
        "noise_schedule": "karras",
        "checkpoint": "dream",
        "loras": LORAS,
    }

    def test_its_own_scheme(self):
        text = json.dumps(self.SAID)
        for data in (
            png(parameters=text, fooocus_scheme="fooocus"),
            with_exif("JPEG", text.encode(), Software="Fooocus v2.5.5"),
            text,
        ):
            reading = read(data, *MODELS)
            assert reading.source == "fooocus" and not reading.missing
            assert reading.request == self.EXPECTED
            assert why(reading).keys() == {*("styles", "performance", "sharpness", "adm_guidance")}

    def test_its_log_of_before(self):
        loras = {"loras", "base_model_hash", "metadata_scheme"}
        named = {"base_model": "Base Model", "clip_skip": "CLIP Skip", "vae": "VAE"}
        said = {
            named.get(name, name.replace("_", " ").title()): value
            for name, value in self.SAID.items()
            if name not in loras
        }
        said |= {"LoRA 1": "ink : 0.8", "LoRA 2": "True : wash.safetensors : 0.5"}
        reading = read(json.dumps(said | {"Base Model": "dream.safetensors"}), *MODELS)
        assert reading.source == "fooocus" and reading.request == self.EXPECTED

    def test_its_infotext(self):
        text = (
            "a fox, cinematic\nNegative prompt: blur, anime\nSteps: 30, "
            "Sampler: DPM++ 2M SDE, Scheduler: karras, Seed: 77, Size: 1152x896, CFG scale: 4, "
            "Sharpness: 2, Model: dream, Clip skip: 2, Raw prompt: a fox, "
            "Raw negative prompt: blur, Styles: \"['Fooocus V2', 'Cinematic']\", "
            'Lora hashes: "ink: 0123456789, wash: 9876543210", '
            'Lora weights: "ink: 0.8, wash: 0.5", Version: Fooocus v2.5.5'
        )
        reading = read(png(parameters=text, fooocus_scheme="a1111"), *MODELS)
        assert reading.source == "fooocus" and reading.request == self.EXPECTED


def comment(**changed):
    said = {
        "prompt": "{fox}, [[hill]], {{red}} 1.5::snow:: (x)",
        "uc": "blur",
        "steps": 28,
        "height": 1216,
        "width": 832,
        "scale": 5.5,
        "seed": 77,
        "sampler": "k_euler_ancestral",
        "noise_schedule": "karras",
        "sm": True,
        "n_samples": 1,
        "cfg_rescale": 0.2,
        "request_type": "PromptGenerateRequest",
    }
    return json.dumps(said | changed)


class TestNovelAI:
    CHUNKS = {
        "Title": "AI generated image",
        "Description": "a fox",
        "Software": "NovelAI",
        "Source": "NovelAI Diffusion V3 AB12",
    }
    PROMPT = r"(fox:1.05), (hill:0.907), (red:1.103) (snow:1.5) \(x\)"

    def test_chunks(self):
        reading = read(png(**self.CHUNKS, Comment=comment()))
        assert reading.source == "novelai"
        has(reading, prompt=self.PROMPT, negative_prompt="blur", steps=28, seed=77)
        has(reading, width=832, height=1216, scheduler="Euler a", noise_schedule="karras")
        has(reading, guidance_scale=5.5, guidance_rescale=0.2)
        assert [(m.kind, m.name) for m in reading.missing] == [
            ("checkpoint", "NovelAI Diffusion V3 AB12")
        ]
        assert why(reading).keys() == {"sm"}

    def test_hidden_in_alpha(self):
        packer = zlib.compressobj(wbits=31)
        text = json.dumps({**self.CHUNKS, "Comment": comment()}).encode()
        packed = packer.compress(text) + packer.flush()
        whole = b"stealth_pngcomp" + struct.pack(">I", 8 * len(packed)) + packed
        bits = np.unpackbits(np.frombuffer(whole, np.uint8))
        pixels = np.full((64, -(-len(bits) // 64), 4), 254, np.uint8)
        room = np.zeros(pixels.shape[0] * pixels.shape[1], np.uint8)
        room[: len(bits)] = bits
        pixels[..., 3] |= room.reshape(-1, 64).T
        for format, options in (("PNG", {}), ("WEBP", {"lossless": True, "exact": True})):
            reading = read(encoded(Image.fromarray(pixels), format, **options))
            assert reading.source == "novelai", format
            has(reading, prompt=self.PROMPT, seed=77)

    def test_later_models_and_changed_pictures(self):
        people = [{"char_caption": "a girl", "centers": []}, {"char_caption": "a boy"}]
        v4 = {"caption": {"base_caption": "a park", "char_captions": people}}
        changed = comment(v4_prompt=v4, request_type="Img2ImgRequest", strength=0.6)
        reading = read(png(**self.CHUNKS, Comment=changed))
        has(reading, prompt="a park, a girl, a boy")
        assert reading.awaits["task"] == {"kind": "image_to_image", "strength": 0.6}
        assert "char_captions" in why(reading)


def test_what_is_sent_to_an_api():
    sent = {
        "prompt": "a fox <lora:ink:0.8>",
        "negative_prompt": "blur",
        "steps": 24,
        "seed": 77,
        "sampler_name": "DPM++ 2M",
        "scheduler": "karras",
        "cfg_scale": 6.5,
        "width": 512,
        "height": 768,
        "enable_hr": True,
        "hr_scale": 1.5,
        "hr_upscaler": "Latent",
        "denoising_strength": 0.4,
        "hr_second_pass_steps": 10,
        "n_iter": 1,
        "subseed": -1,
        "override_settings": {"sd_model_checkpoint": "dream", "CLIP_stop_at_last_layers": 2},
        "alwayson_scripts": {},
        "restore_faces": True,
    }
    reading = read(json.dumps(sent), *MODELS)
    assert reading.source == "automatic1111" and not reading.missing
    has(reading, prompt="a fox", negative_prompt="blur", steps=24, seed=77, clip_skip=2)
    has(reading, scheduler="DPM++ 2M", noise_schedule="karras", width=512, height=768)
    has(reading, checkpoint="dream", loras=LORAS[:1])
    assert reading.request["hires"] == {
        "factor": 1.5,
        "steps": 10,
        "strength": 0.4,
        "upscaler": "Latent",
    }
    assert why(reading).keys() == {"restore_faces"}
    text = "a hill\nSteps: 4, Sampler: Euler, Seed: 9"
    answer = {"images": [], "info": json.dumps({"infotexts": [text]})}
    assert read(json.dumps(answer)).request["prompt"] == "a hill"


@pytest.mark.parametrize("keyword", ["invokeai_metadata", "sd-metadata", "Comment", "parameters"])
def test_values_of_any_kind(keyword, caplog):
    chunks = {
        "invokeai_metadata": TestInvokeAI.SAID | {"controlnets": [{"control_model": "canny"}]},
        "sd-metadata": {"image": {"prompt": "a", "seed": 3}},
        "Comment": json.loads(comment(strength=1, v4_prompt={"caption": {"base_caption": "x"}})),
        "parameters": TestFooocus.SAID,
    }
    said = chunks[keyword]
    for name in said:
        for value in (None, [], {}, True, -1, 1e300, 10**30, "", "x", [[1]], [{}], {"name": []}):
            text = json.dumps(said | {name: value})
            read(png(**{keyword.replace("-", "__"): text, "Software": "NovelAI"}), *MODELS)
    assert not caplog.records

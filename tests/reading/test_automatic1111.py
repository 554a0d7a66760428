"""Infotext of AUTOMATIC1111 and Forge, with all that its own parser makes of strange ones."""

from __future__ import annotations

import pytest

from studio.domain import infotext, infotext_reader
from studio.domain.request import GenerationRequest
from studio.families.stable_diffusion.family import PICTUREBOOK
from tests.reading.shelf import read, sha256, why

LINE = "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 512x640"


class TestTheGrammar:
    @pytest.mark.parametrize(
        ("text", "prompt", "negative"),
        [
            ("a fox\nSteps: 4, Seed: 9", "a fox\nSteps: 4, Seed: 9", ""),
            ("poster, title: Dawn, Size: 5x5, Seed: 3", "", ""),
            (f"a fox\n{LINE}\nshot on film", f"a fox\n{LINE}\nshot on film", ""),
            (f"a fox\nNegative prompt:blur\n{LINE}", "a fox", "blur"),
            (f"a fox Negative prompt: blur\n{LINE}", "a fox Negative prompt: blur", ""),
            (f"a\nNegative prompt: b\nc\nNegative prompt: d\n{LINE}", "a", "b\nc\nd"),
            (
                f"  a fox \r\n\r\n on a hill\r\nNegative prompt: x\r\n{LINE}",
                "a fox\n\non a hill",
                "x",
            ),
            (f"Negative prompt: blur\n{LINE}", "", "blur"),
            ("", "", ""),
        ],
    )
    def test_lines(self, text, prompt, negative):
        found = infotext_reader.read(text)
        assert (found.prompt, found.negative_prompt) == (prompt, negative)

    @pytest.mark.parametrize(
        ("pairs", "settings"),
        [
            ("Model: my, model", {"Model": "my"}),
            (r'Hires prompt: "a \"big\" cat, sky"', {"Hires prompt": 'a "big" cat, sky'}),
            ('Style: "retro"', {"Style": "retro"}),
            ('Hires prompt: "open', {"Hires prompt": '"open'}),
            ("X: 5", {}),
            ("Steps: 20, Steps: 30", {"Steps": "30"}),
            ("Größe: 3", {"Größe": "3"}),
            ("Note: 3x4", {"Note": "3x4"}),
            ("Sampler : Euler,Eta:0.5", {"Sampler": "Euler", "Eta": "0.5"}),
            ('Hashes: {"model": "ab", "vae": "cd"}', {"Hashes": '{"model": "ab", "vae": "cd"}'}),
        ],
    )
    def test_pairs(self, pairs, settings):
        found = infotext_reader.read(f"a fox\nAa: 1, Bb: 2, Cc: 3, {pairs}")
        assert found.prompt == "a fox"
        assert found.settings == {"Aa": "1", "Bb": "2", "Cc": "3"} | settings

    @pytest.mark.parametrize("piece", ["a", "a:", 'aa: "\\"', '"', "aa: {", "- ", ":,", "é"])
    def test_length_costs_no_more_than_itself(self, piece):
        """This would take hours by backtracking."""
        text = piece * (2**19 // len(piece))
        infotext_reader.hashes(text)
        assert read(text).source == "automatic1111"


def test_everything_that_is_here_is_taken():
    reading = read(
        "a fox <lora:ink:0.8>, a hill<lora:wash:0.5:1>\n"
        "Negative prompt: blur\n"
        "Steps: 24, Sampler: DPM++ 2M, Schedule type: Exponential, CFG scale: 6.5, Seed: 77, "
        f"Size: 512x768, Model hash: {sha256('dream')[:10]}, Model: called otherwise, "
        "VAE: soft.safetensors, Clip skip: 2, Emphasis: No norm, Eta: 0.5, CFG Rescale: 0.7, "
        "RNG: CPU, "
        "Refiner: dream [0000000000], Refiner switch at: 0.7, "
        f'Lora hashes: "ink: {sha256("inky")[:12]}, wash: e3b0c44298fc", '
        f'TI hashes: "bad: {sha256("bad")[:12]}", Version: v1.10.1',
        *(("checkpoint", "dream"), ("vae", "soft"), ("lora", "inky"), ("lora", "wash")),
        ("embedding", "bad"),
    )
    assert reading.source == "automatic1111"
    assert reading.request == {
        "prompt": "a fox , a hill",
        "negative_prompt": "blur",
        "steps": 24,
        "scheduler": "DPM++ 2M",
        "noise_schedule": "exponential",
        "guidance_scale": 6.5,
        "guidance_rescale": 0.7,
        "clip_skip": 2,
        "emphasis": "no_norm",
        "eta": 0.5,
        "seed": 77,
        "width": 512,
        "height": 768,
        "checkpoint": "dream",
        "vae": "soft",
        "loras": [
            {"name": "inky", "weight": 0.8},
            {"name": "wash", "weight": 1.0, "text_encoder_weight": 0.5},
        ],
        "refiner": {"checkpoint": "dream", "switch_at": 0.7},
    }
    assert not reading.missing
    assert why(reading) == {
        "Refiner hash": f"dream here has another hash, {sha256('dream')[:10]}: it may be another "
        "version.",
        "LoRA wash hash": "This is the hash of an empty file.",
    }
    assert {"Steps", "Schedule type", "Model", "LoRA ink", "Refiner switch at"} <= set(
        reading.understood
    )


def test_what_is_not_here_is_named_and_left_out():
    reading = read(
        f"a fox <lora:ink:0.8> <hypernet:old:1>\n{LINE}, Model hash: 7460a6fa, Model: dream, "
        'VAE: soft, Lora hashes: "ink: 1a2b3c4d5e6f", TI hashes: "bad: 0011223344aa"'
    )
    assert [(m.kind, m.name, m.hash) for m in reading.missing] == [
        ("lora", "ink", "1a2b3c4d5e6f"),
        ("embedding", "bad", "0011223344aa"),
        ("checkpoint", "dream", "7460a6fa"),
        ("vae", "soft", None),
    ]
    assert "hash of 8 digits" in reading.missing[2].why
    assert reading.request["prompt"] == "a fox"
    assert not reading.request.keys() & {"checkpoint", "vae", "loras"}
    assert "no hypernetworks" in why(reading)["Prompt"]


def test_civitai_writes_hashes_of_its_own():
    hashes = f'Hashes: {{"model": "{sha256("dream")[:10]}", "lora:ink": "{sha256("inky")[:10]}"}}'
    models = ("checkpoint", "dream"), ("lora", "inky")
    reading = read(f"a fox <lora:ink:1>\n{LINE}, Model: ?, {hashes}", *models)
    assert reading.request["checkpoint"] == "dream"
    assert reading.request["loras"] == [{"name": "inky", "weight": 1.0}]


def test_values_that_cannot_be_are_told():
    reading = read(
        "a fox <lora:ink:50>\nSteps: 400, Sampler: Magic, Schedule type: Karras, CFG scale: 0.5, "
        "Seed: -1, Size: 3072x2050, Clip skip: 1.5, Eta: much, Variation seed: -3, "
        "Variation seed strength: 0.2, Seed resize from: 4096x512, Face restoration: CodeFormer, "
        "RNG: NV, Tiling: True, Favourite colour: blue, ENSD: 31337",
        ("lora", "ink"),
    )
    assert reading.request == {
        "prompt": "a fox",
        "loras": [{"name": "ink", "weight": 10.0}],
        "steps": 150,
        "noise_schedule": "karras",
        "guidance_scale": 1.0,
        "clip_skip": 2,
        "tiling": "both",
        "width": 2048,
        "height": 1368,
        "variation_strength": 0.2,
    }
    reasons = why(reading)
    assert "150 was taken" in reasons["Steps"] and "2048x1368 was taken" in reasons["Size"]
    assert reasons["Sampler"] == "There is no such sampler here."
    assert {
        "Seed",
        "Eta",
        "Variation seed",
        "Seed resize from",
        "RNG",
        "ENSD",
        "Favourite colour",
    } <= reasons.keys()
    assert reasons.keys().isdisjoint(reading.understood)
    values = {entry.name: entry.value for entry in reading.ignored}
    assert values["Favourite colour"] == "blue" and values["Size"] == "3072x2050"


def test_a_second_drawing():
    reading = read(
        f"a fox\n{LINE}, Model: dream, Denoising strength: 0.45, Hires upscale: 1.5, "
        "Hires steps: 8, Hires upscaler: Latent (nearest), Hires sampler: DPM++ 2M Karras, "
        "Hires schedule type: Use same scheduler, Hires checkpoint: other.safetensors [0123abcd], "
        'Hires prompt: "a \\"big\\" fox, sky<lora:ink:1>", Hires negative prompt: fog, '
        "Hires CFG Scale: 5, Hires Module 1: Built in",
        ("checkpoint", "dream"),
        ("checkpoint", "other"),
    )
    assert reading.request["hires"] == {
        "strength": 0.45,
        "factor": 1.5,
        "steps": 8,
        "upscaler": "Latent (nearest-exact)",
        "scheduler": "DPM++ 2M",
        "noise_schedule": "karras",
        "checkpoint": "other",
        "prompt": 'a "big" fox, sky',
        "negative_prompt": "fog",
        "guidance_scale": 5.0,
    }
    labels = {"Hires upscaler", "Hires checkpoint hash", "Hires Module 1", "Hires prompt"}
    assert why(reading).keys() == labels
    assert not reading.awaits
    plain = read(f"a\n{LINE}, Denoising strength: 0.4, Hires resize: 1024x0, Hires steps: 0")
    assert plain.request["hires"] == {"strength": 0.4, "width": 1024, "factor": 2.0}
    network = read(f"a\n{LINE}, Hires upscale: 2, Hires upscaler: R-ESRGAN 4x+")
    assert network.request["hires"] == {"factor": 2.0, "upscaler": "Lanczos"}
    assert "Lanczos was taken" in why(network)["Hires upscaler"]
    here = ("upscaler", "Real-ESRGAN x4plus"), ("upscaler", "4x-UltraSharp")
    called = {"R-ESRGAN 4x+": 0, "RealESRGAN_x4plus.pth": 0, "models/4x-UltraSharp.pth": 1}
    for name, number in called.items():
        own = here[number][1]
        network = read(f"a\n{LINE}, Hires upscale: 2, Hires upscaler: {name}", *here)
        assert network.request["hires"] == {"factor": 2.0, "upscaler": own}
        assert not network.ignored


NETWORKS = tuple(("upscaler", f"Real-ESRGAN {name}") for name in ("x4plus", "x4plus anime"))
KEPT = {"image": "input:" + "a" * 32}


@pytest.mark.parametrize(
    ("told", "task"),
    [
        (
            ("Postprocess upscale by: 4, Postprocess upscaler: R-ESRGAN 4x+, Postprocess upscaler "
             "2: R-ESRGAN 4x+ Anime6B, Postprocess upscaler 2 visibility: 0.25"),
            {"factor": 4.0, "upscaler": NETWORKS[0][1], "upscaler_2": NETWORKS[1][1],
             "upscaler_2_visibility": 0.25},
        ),
        (
            "Postprocess upscale to: 1920x0, Postprocess upscaler: Lanczos",
            {"resize_width": 1920, "upscaler": "Lanczos"},
        ),
        (
            "Denoising strength: 0.2, SD upscale overlap: 64, SD upscale upscaler: R-ESRGAN 4x+",
            {"strength": 0.2, "tile_overlap": 64, "upscaler": NETWORKS[0][1], "refine": True,
             "tile_size": 512, "tile_prompt": "a fox"},
        ),
        (
            ("Denoising strength: 0.35, Ultimate SD upscale upscaler: 4x-Unheard, Ultimate SD "
             "upscale tile_width: 768, Ultimate SD upscale padding: 32"),
            {"strength": 0.35, "tile_overlap": 32, "upscaler": "Lanczos", "refine": True,
             "tile_size": 768, "tile_prompt": "a fox"},
        ),
    ],
)  # fmt: skip
def test_a_picture_that_was_enlarged(told, task):
    text = f"a fox\n{LINE}, Init image hash: {'a' * 32}, {told}"
    found = read(text, *NETWORKS, inputs=["a" * 32])
    assert found.request["task"] == KEPT | {"kind": "upscale"} | task
    assert found.request["prompt"] == "a fox"
    waits = read(text, *NETWORKS)
    assert waits.awaits["task"] == {"kind": "upscale"} | task and "task" not in waits.request
    assert GenerationRequest.model_validate(found.request)


def test_one_enlarged_after_it_was_made_of_another_is_told_so():
    found = read(f"a\n{LINE}, Denoising strength: 0.5, Postprocess upscale by: 2")
    assert found.awaits["task"] == {"kind": "image_to_image", "strength": 0.5}
    assert "Enlarge does that" in why(found)["Postprocess upscale by"]


@pytest.mark.parametrize("refine", [False, True])
def test_what_was_enlarged_here_is_read_back(refine):
    task = {"kind": "upscale", **KEPT, "factor": 3.0, "upscaler": NETWORKS[0][1]}
    if refine:
        own = {"strength": 0.2, "tile_overlap": 40, "tile_prompt": "fine, \n strokes"}
        task |= {"refine": True, "tile_size": 128} | own
    request = GenerationRequest(task=task, prompt="a fox").settled("dream", PICTUREBOOK)
    found = read(infotext.write(request, 0), *NETWORKS, inputs=["a" * 32])
    assert (found.source, found.request["task"]) == ("studio", task)


def test_a_task_waits_for_its_pictures():
    digits = "0123456789abcdef" * 2
    text = f"a fox\n{LINE}, Denoising strength: 0.6, Init image hash: {digits}"
    reading = read(text)
    assert "task" not in reading.request
    [waits] = reading.ignored
    assert (waits.name, waits.value) == ("Denoising strength", "0.6")
    assert "Denoising strength" not in reading.understood
    assert reading.awaits == {"task": {"kind": "image_to_image", "strength": 0.6}}
    [image] = reading.missing
    assert (image.kind, image.hash) == ("image", digits)
    here = read(text, inputs=[digits])
    assert here.request["task"]["image"] == f"input:{digits}" and not here.missing
    assert not here.ignored and "Denoising strength" in here.understood

    told = (
        "Mask blur: 8, Masked content: latent noise, Mask mode: Inpaint not masked, "
        "Inpaint area: Only masked, Masked area padding: 48, Soft inpainting enabled: True"
    )
    inpaint = read(f"{text}, {told}", inputs=[digits])
    assert inpaint.awaits["task"] == {
        "kind": "inpaint",
        "strength": 0.6,
        "mask_blur": 8,
        "padding": 48,
        "masked_content": "latent_noise",
        "area": "only_masked",
        "invert": True,
        "soft": True,
        "image": f"input:{digits}",
    }
    assert [entry.name for entry in inpaint.missing] == ["mask"]


def test_a_unit_waits_for_its_picture():
    unit = (
        '"Module: canny, Model: control_v11p_sd15_canny [d14c016b], Weight: 0.8, '
        "Resize Mode: Resize and Fill, Processor Res: 512, Threshold A: 50, Threshold B: -1, "
        "Guidance Start: 0.1, Guidance End: 0.9, Pixel Perfect: False, "
        'Control Mode: ControlNet is more important, Hr Option: Both"'
    )
    control = ("controlnet", "control_v11p_sd15_canny")
    reading = read(f"a\n{LINE}, ControlNet 0: {unit}", control)
    [waiting] = reading.awaits["controls"]
    assert waiting == {
        "controlnet": "control_v11p_sd15_canny",
        "preprocessor": "canny",
        "scale": 0.8,
        "start": 0.1,
        "end": 0.9,
        "mode": "control",
        "resize_mode": "resize_and_fill",
        "settings": {"low_threshold": 50},
        "resolution": 512,
    }
    [image] = reading.missing
    assert image.kind == "image" and "scale=0.8" in image.why and "low_threshold=50" in image.why
    assert why(reading).keys() == {"ControlNet 0 Hr Option"}
    [missing] = read(f"a\n{LINE}, ControlNet 0: {unit}").missing
    assert (missing.kind, missing.name) == ("controlnet", "control_v11p_sd15_canny")


def test_of_a_batch_each_picture_is_drawn_alone():
    reading = read(f"a\n{LINE}, Batch size: 4, Batch pos: 2")
    assert reading.request["seed"] == 5 and "batch_size" not in reading.request
    assert why(reading).keys() == {"Batch size", "Batch pos"}


def test_a_text_without_settings_is_a_prompt():
    reading = read("a fox (red:1.2)\non a hill")
    assert reading.request == {"prompt": "a fox (red:1.2)\non a hill"}
    assert read("").source == read(b"\0\1\2").source == read('{"a": [1]}').source == "none"

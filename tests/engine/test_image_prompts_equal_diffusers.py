"""The referee for IP-Adapters: diffusers' pipeline with the same weights, plain, plus, and both."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from diffusers.image_processor import IPAdapterMaskProcessor
from safetensors.torch import load_file, save_file
from transformers import CLIPImageProcessor

from studio.catalog.catalog import Catalog
from studio.families.stable_diffusion import tokenizers
from studio.families.stable_diffusion.family import SDXL
from studio.weights.loader import Models
from tests.engine.control_bench import ControlBench, difference
from tests.engine.pictures import box_mask, scene
from tests.models_in_memory import manager, picturebook
from tests.weights import checkpoints, nets

pytestmark = pytest.mark.filterwarnings("ignore")

TOLERANCE = 2
SIZE = (96, 64)


def bench_on(checkpoint, unet, folder) -> ControlBench:
    """Of IP-Adapters for `unet`, written as their makers do and found by the catalog."""
    torch.manual_seed(3)
    for kind in ("plain", "plus"):
        save_file(nets.ip_adapter(unet, kind), folder / f"{kind}.safetensors")
    nets.image_encoder().save_pretrained(folder / "eyes")
    catalog = Catalog([folder])
    found = {ref.name: ref for ref in catalog.refs("controlnet")}
    assert {ref.facts.architecture for ref in found.values()} == {"ip_adapter"}
    [eyes] = catalog.refs("image_encoder")
    half = box_mask(SIZE, (0, 0, SIZE[0] // 2, SIZE[1]))
    other = half.point(lambda value: 255 - value)
    images = {"one": scene(SIZE, 9), "two": scene((96, 96), 4), "half": half, "other half": other}
    return ControlBench(checkpoint, found, images, (eyes,))


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with manager("float32").lease(picturebook()) as models:
        folder = tmp_path_factory.mktemp("prompts")
        return bench_on(picturebook().checkpoint, models.backbone, folder)


def pipeline(bench, names, scales):
    """What builds the pipeline; on a copy of the U-Net, which diffusers changes."""

    def build(models: Models, scheduler):
        made = _bare(models, scheduler)
        files = [load_file(bench.path(name)) for name in names]
        states, nowhere = [_nested(file) for file in files], [""] * len(files)
        made.load_ip_adapter(states, subfolder=nowhere, weight_name=nowhere)
        made.set_ip_adapter_scale(scales)
        return made

    return build


def _bare(models: Models, scheduler):
    eyes = models.image_encoders[0]
    common = {
        "vae": models.vae,
        "text_encoder": models.text_encoders[0],
        "unet": copy.deepcopy(models.backbone),
        "scheduler": scheduler,
        "image_encoder": eyes,
        "feature_extractor": CLIPImageProcessor(size=nets.SIDE, crop_size=nets.SIDE),
    }
    if len(models.text_encoders) == 1:
        unsafe = {"safety_checker": None, "requires_safety_checker": False}
        return StableDiffusionPipeline(**common, tokenizer=models.tokenizers[0], **unsafe)
    first, second = (tokenizers.clip(encoder.pad_token) for encoder in SDXL.prompt_encoders)
    return StableDiffusionXLPipeline(
        **common,
        text_encoder_2=models.text_encoders[1],
        tokenizer=first,
        tokenizer_2=second,
        add_watermarker=False,
    )


def _nested(tensors):
    """As diffusers wants a state that is no file."""
    nested = {"image_proj": {}, "ip_adapter": {}}
    for name, tensor in tensors.items():
        part, _, rest = name.partition(".")
        nested[part][rest] = tensor
    return nested


@pytest.mark.parametrize("kind", ["plain", "plus"])
def test_one(bench, kind):
    build = pipeline(bench, [kind], [0.7])
    expected = bench.theirs([kind], build, ip_adapter_image=bench.images["one"])
    unit = {"controlnet": kind, "image": "one", "scale": 0.7}
    drawn = bench.ours(unit)
    assert difference(drawn, expected) <= TOLERANCE
    plain, other = bench.plain, bench.ours(unit | {"image": "two"})
    assert difference(drawn, plain) > 30 and difference(drawn, other) > 10, "it does nothing"


def test_two_and_a_region(bench):
    both = ["plain", "plus"]
    masks = IPAdapterMaskProcessor().preprocess(
        [bench.images["half"], bench.images["other half"]],
        height=SIZE[1],
        width=SIZE[0],
    )
    expected = bench.theirs(
        both,
        pipeline(bench, both, [0.6, 0.9]),
        ip_adapter_image=[bench.images["one"], bench.images["two"]],
        cross_attention_kwargs={"ip_adapter_masks": [masks[:1], masks[1:]]},
    )
    drawn = bench.ours(
        {"controlnet": "plain", "image": "one", "scale": 0.6, "mask": "half"},
        {"controlnet": "plus", "image": "two", "scale": 0.9, "mask": "other half"},
    )
    assert difference(drawn, expected) <= TOLERANCE


def test_sdxl(tmp_path):
    parts = checkpoints.own_parts_of(SDXL)
    checkpoint = checkpoints.write_single(parts, SDXL, tmp_path / "xl.safetensors")
    bench = bench_on(checkpoint, parts["unet"], tmp_path)
    build = pipeline(bench, ["plus"], [0.8])
    expected = bench.theirs(["plus"], build, ip_adapter_image=bench.images["two"])
    drawn = bench.ours({"controlnet": "plus", "image": "two", "scale": 0.8})
    assert difference(drawn, expected) <= TOLERANCE
    assert difference(drawn, bench.plain) > 10, "it does nothing"


def test_nothing_of_it_stays_on_the_unet(bench):
    before = bench.plain
    bench.ours({"controlnet": "plain", "image": "one"})
    assert bench.ours().tobytes() == before.tobytes()
    with bench.manager.lease(bench.selection([])) as models:
        names = {type(each).__name__ for each in models.backbone.attn_processors.values()}
    assert names == {"AttnProcessor2_0"}


def test_it_acts_from_start_to_end_alone(bench):
    unit = {"controlnet": "plain", "image": "one"}
    never = bench.ours(unit | {"start": 0.99})
    late = bench.ours(unit | {"start": 0.5})
    assert never.tobytes() == bench.plain.tobytes()
    assert difference(late, never) > 5 and difference(late, bench.ours(unit)) > 5


def test_sizes_that_halve_unevenly_keep_the_region_in_its_place(bench):
    """One step without guidance, so that what is done to one half has little time to spread."""
    fields = {"width": 72, "height": 64, "steps": 1, "scheduler": "Euler", "guidance_scale": 1.0}
    unit = {"controlnet": "plain", "image": "one", "scale": 0.2}
    plain, whole, half = (
        np.asarray(bench.ours(*units, **fields), float)
        for units in ([], [unit], [unit | {"mask": "half"}])
    )
    left, right = np.s_[:, :24], np.s_[:, -24:]
    assert np.abs(half - plain)[left].mean() > 1.3 * np.abs(half - plain)[right].mean()
    assert np.abs(whole - plain)[right].mean() > 1.3 * np.abs(half - plain)[right].mean()


def test_without_a_picture_of_its_own_it_takes_the_one_the_task_begins_with(bench):
    task = {"kind": "image_to_image", "image": "one", "strength": 0.6}
    drawn, told, wide = (
        bench.ours({"controlnet": "plain", **unit}, task=task)
        for unit in ({}, {"image": "one"}, {"image": "one", "resize_mode": "just_resize"})
    )
    assert drawn.tobytes() == told.tobytes() != wide.tobytes()

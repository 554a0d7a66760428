"""The referee for T2I-Adapters: diffusers' pipelines, one and two, of SD 1.x and SDXL."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from diffusers import (
    ControlNetModel,
    MultiAdapter,
    StableDiffusionAdapterPipeline,
    StableDiffusionXLAdapterPipeline,
    UNet2DConditionModel,
)

from studio.catalog.catalog import Catalog
from studio.domain.refs import ModelFile, ModelRef
from studio.families.stable_diffusion import tokenizers
from studio.families.stable_diffusion.family import SDXL
from studio.settings import assets_dir
from tests.engine.control_bench import ControlBench, difference
from tests.engine.pictures import box_mask, scene
from tests.models_in_memory import picturebook
from tests.weights import checkpoints
from tests.weights.nets import shaken, t2i_of

pytestmark = pytest.mark.filterwarnings("ignore")

TOLERANCE = 2
SIZE = (96, 64)


def images(size) -> dict:
    lines = box_mask(size, (30, 16, 70, 50))
    half = box_mask(size, (0, 0, size[0] // 2, size[1]))
    return {"lines": lines.convert("RGB"), "scene": scene(size, 9), "half": half}


def refs_in(folder) -> dict[str, ModelRef]:
    found = {ref.name: ref for ref in Catalog([folder]).refs("controlnet")}
    assert {ref.facts.architecture for ref in found.values()} <= {"t2i_adapter", ""}
    return found


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """On picturebook: adapters for colours and for gray maps, and a ControlNet."""
    folder = tmp_path_factory.mktemp("adapters")
    torch.manual_seed(1)
    channels = [64, 128, 256]
    t2i_of(channels).save_pretrained(folder / "colour")
    t2i_of(channels, in_channels=1).save_pretrained(folder / "gray")
    unet = UNet2DConditionModel.from_pretrained(assets_dir() / "models" / "picturebook" / "unet")
    net = shaken(ControlNetModel.from_unet(unet.float()), 0.01)
    net.save_pretrained(folder / "net")
    found = refs_in(folder)
    found["net"] = dataclasses.replace(found["net"], file=ModelFile(folder / "net"))
    return ControlBench(picturebook().checkpoint, found, images(SIZE))


def pipeline(models, scheduler):
    adapters = list(models.controlnets)
    return StableDiffusionAdapterPipeline(
        vae=models.vae,
        text_encoder=models.text_encoders[0],
        tokenizer=models.tokenizers[0],
        unet=models.backbone,
        adapter=adapters[0] if len(adapters) == 1 else MultiAdapter(adapters),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


@pytest.mark.parametrize("name", ["colour", "gray"])
def test_one(bench, name):
    image = bench.images["scene" if name == "colour" else "lines"]
    given = image if name == "colour" else image.convert("L")
    expected = bench.theirs([name], pipeline, image=given, adapter_conditioning_scale=0.8)
    unit = {"controlnet": name, "image": "scene" if name == "colour" else "lines", "scale": 0.8}
    drawn = bench.ours(unit)
    assert difference(drawn, expected) <= TOLERANCE
    assert difference(drawn, bench.plain) > 30, "the unit does nothing"


def test_two(bench):
    both = [bench.images["scene"], bench.images["lines"].convert("L")]
    expected = bench.theirs(
        ["colour", "gray"], pipeline, image=both, adapter_conditioning_scale=[0.5, 1.2]
    )
    drawn = bench.ours(
        {"controlnet": "colour", "image": "scene", "scale": 0.5},
        {"controlnet": "gray", "image": "lines", "scale": 1.2},
    )
    assert difference(drawn, expected) <= TOLERANCE


def test_its_features_are_made_once_a_pass(bench, monkeypatch):
    with bench.manager.lease(bench.selection(["colour"])) as models:
        calls = []
        hook = models.controlnets[0].register_forward_hook(lambda *_: calls.append(1))
    bench.ours({"controlnet": "colour", "image": "scene"})
    hook.remove()
    assert len(calls) == 1


def test_beside_a_controlnet(bench):
    adapter, net = ({"controlnet": name, "image": "scene"} for name in ("colour", "net"))
    drawn = [bench.ours(*units) for units in ([adapter, net], [net, adapter], [adapter], [net])]
    assert difference(*drawn[:2]) <= TOLERANCE
    assert min(difference(drawn[0], one) for one in drawn[2:]) > 20


def test_modes(bench):
    """The prompt gains by less control; the map by what is kept from the negative prompt."""
    unit = {"controlnet": "colour", "image": "scene", "scale": 0.3}
    plain = np.asarray(bench.plain, float)
    prompt, control = (bench.ours(unit | {"mode": mode}) for mode in ("prompt", "control"))
    balanced = bench.ours(unit)
    assert np.abs(prompt - plain).mean() < np.abs(balanced - plain).mean()
    assert difference(prompt, control) > 20


def test_a_region_keeps_it_to_its_part(bench):
    """One step, so that what it does to one half has little time to reach the other."""
    unit = {"controlnet": "colour", "image": "scene", "scale": 0.3}
    once = {"steps": 1, "scheduler": "Euler", "guidance_scale": 1.0}
    plain, whole, half = (
        np.asarray(bench.ours(*units, **once), float)
        for units in ([], [unit], [unit | {"mask": "half"}])
    )
    left, right = np.s_[:, :32], np.s_[:, -32:]
    assert np.abs(half - plain)[left].mean() > 1.5 * np.abs(half - plain)[right].mean()
    assert np.abs(whole - plain)[right].mean() > 1.5 * np.abs(half - plain)[right].mean()


@pytest.fixture(scope="module")
def xl(tmp_path_factory):
    """On a small SDXL model of three levels."""
    folder = tmp_path_factory.mktemp("xl")
    parts = checkpoints.own_parts_of(SDXL)
    kinds = ["{}Block2D", "CrossAttn{}Block2D", "CrossAttn{}Block2D"]
    config = dict(parts["unet"].config) | {
        "block_out_channels": [64, 64, 128],
        "down_block_types": [kind.format("Down") for kind in kinds],
        "up_block_types": [kind.format("Up") for kind in reversed(kinds)],
        "transformer_layers_per_block": [1, 1, 2],
        "attention_head_dim": [1, 1, 2],
    }
    parts["unet"] = shaken(UNet2DConditionModel.from_config(config), 0.02)
    checkpoint = checkpoints.write_single(parts, SDXL, folder / "xl.safetensors")
    net = t2i_of([64, 64, 128, 128], downscale_factor=16, adapter_type="full_adapter_xl")
    net.save_pretrained(folder / "adapter")
    t2i_of([64, 64, 128, 128]).save_pretrained(folder / "of another family")
    found = refs_in(folder)
    assert found["adapter"].family is SDXL
    return lambda size: ControlBench(checkpoint, found, images(size))


def xl_pipeline(models, scheduler):
    first, second = models.text_encoders
    return StableDiffusionXLAdapterPipeline(
        vae=models.vae,
        text_encoder=first,
        text_encoder_2=second,
        tokenizer=tokenizers.clip(SDXL.prompt_encoders[0].pad_token),
        tokenizer_2=tokenizers.clip(SDXL.prompt_encoders[1].pad_token),
        unet=models.backbone,
        adapter=models.controlnets[0],
        scheduler=scheduler,
    )


def test_sdxl_for_half_the_run(xl):
    bench = xl(SIZE)
    expected = bench.theirs(
        ["adapter"],
        xl_pipeline,
        image=bench.images["scene"],
        adapter_conditioning_scale=0.9,
        adapter_conditioning_factor=0.5,
    )
    unit = {"controlnet": "adapter", "image": "scene", "scale": 0.9, "end": 0.5}
    drawn = bench.ours(unit)
    assert difference(drawn, expected) <= TOLERANCE
    assert difference(drawn, bench.plain) > 10


def test_sizes_that_its_squares_do_not_divide(xl):
    bench = xl((104, 72))
    assert difference(bench.ours({"controlnet": "adapter", "image": "scene"}), bench.ours()) > 10


def test_one_of_another_family_is_refused_before_the_first_step(xl):
    bench = xl(SIZE)
    with pytest.raises(AssertionError, match="T2I-Adapter for another family"):
        bench.ours({"controlnet": "of another family", "image": "scene"})

"""Every family: the same picture from the original layout as from a folder, and as diffusers draws
it with the same weights. The models are small and random, so a wrong place of any weight shows."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch
from diffusers import (
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLPipeline,
)
from PIL import Image

from studio.catalog.catalog import Catalog
from studio.diffusion import latents
from studio.domain.events import Finished
from studio.domain.family import ModelFamily
from studio.domain.refs import ModelRef, Selection
from studio.domain.request import GenerationRequest
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.families.stable_diffusion import export, tokenizers
from studio.families.stable_diffusion.family import SD1, SD2, SDXL, SDXL_REFINER
from studio.residence.manager import ModelManager
from tests.diffusion.reference import for_pipeline
from tests.engine.running import run
from tests.models_in_memory import picturebook
from tests.refs import with_facts
from tests.weights import checkpoints

pytestmark = pytest.mark.filterwarnings("ignore")

TOLERANCE = 2
SIZE = {"width": 96, "height": 64}
FIELDS = {"prompt": "a red fox, watercolor", "seed": 7, "steps": 2, "guidance_scale": 6.0, **SIZE}
LONG = ", ".join(["a street in the rain"] * 20)


@cache
def parts_of(family: ModelFamily, channels: int = 4) -> dict[str, torch.nn.Module]:
    """The VAE's encoder is made certain of itself: diffusers takes samples of it, we the mean."""
    parts = checkpoints.own_parts_of(family, channels)
    quant = parts["vae"].quant_conv
    quant.weight[4:] = 0
    quant.bias[4:] = -40
    return parts


def draw(ref: ModelRef, manager: ModelManager | None = None, **fields) -> list[Image.Image]:
    """What our engine draws with the checkpoint `ref`, in float32 on the CPU."""
    engine = StableDiffusionEngine(
        manager or ModelManager("cpu", "float32"), lambda request: Selection(ref)
    )
    request = GenerationRequest(**{**FIELDS, **fields}).settled(ref.name, ref.family)
    last = run(engine, request)[-1]
    assert isinstance(last, Finished), last
    return [picture.image for picture in last.pictures]


def reference(family: ModelFamily, channels: int = 4, **fields) -> list[Image.Image]:
    """What diffusers' pipeline for the family draws with the same weights."""
    request = {"negative_prompt": "", "scheduler": "DPM++ 2M", **FIELDS, **fields}
    seeds = [request["seed"]]
    common = {
        "prompt": request["prompt"],
        "negative_prompt": request["negative_prompt"],
        "num_inference_steps": request["steps"],
        "guidance_scale": request["guidance_scale"],
        "generator": latents.generators(seeds),
    }
    parts = dict(parts_of(family, channels))
    parts["scheduler"] = for_pipeline(request["scheduler"], "automatic", "epsilon", seeds)
    for encoder in family.prompt_encoders:
        part = encoder.part.replace("text_encoder", "tokenizer")
        parts[part] = tokenizers.clip(encoder.pad_token)
    if family is SDXL:
        common["negative_prompt"] = request["negative_prompt"] or None
        pipeline = StableDiffusionXLPipeline(**parts, add_watermarker=False)
        return _quiet(pipeline)(**common, **SIZE).images
    if family is SDXL_REFINER:
        parts |= {"text_encoder": None, "tokenizer": None}
        pipeline = StableDiffusionXLImg2ImgPipeline(
            **parts,
            requires_aesthetics_score=True,
            force_zeros_for_empty_prompt=False,
            add_watermarker=False,
        )
        noise = latents.initial_noise(latents.generators(seeds), 4, 8, 12)
        parts["scheduler"].set_timesteps(request["steps"])
        common["image"] = noise * parts["scheduler"].init_noise_sigma
        # From the very first step on an image of latents is taken as the noisy latents.
        sizes = {"original_size": (64, 96), "target_size": (64, 96)}
        return _quiet(pipeline)(**common, **sizes, denoising_start=1e-9).images
    unsafe = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    if channels == 9:
        pipeline = StableDiffusionInpaintPipeline(**parts, **unsafe)
        size = (SIZE["width"], SIZE["height"])
        everywhere = {"image": Image.new("RGB", size), "mask_image": Image.new("L", size, 255)}
        return _quiet(pipeline)(**common, **SIZE, **everywhere, strength=1.0).images
    return _quiet(StableDiffusionPipeline(**parts, **unsafe))(**common, **SIZE).images


def _quiet(pipeline):
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def difference(one: Image.Image, other: Image.Image) -> int:
    return int(np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16)).max())


def variety(picture: Image.Image) -> float:
    return float(np.asarray(picture, np.float32).std())


CASES = [(SD1, 4), (SD2, 4), (SDXL, 4), (SDXL_REFINER, 4), (SD1, 9)]


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Callable[..., ModelRef]:
    """A checkpoint of `(family, channels)` in the original layout, written once."""

    @cache
    def write(family: ModelFamily, channels: int = 4) -> ModelRef:
        path = tmp_path_factory.mktemp("written") / "single.safetensors"
        return checkpoints.write_single(parts_of(family, channels), family, path)

    return write


@pytest.mark.parametrize(
    "family, channels",
    [*CASES[:4], pytest.param(*CASES[4], marks=pytest.mark.slow)],
    ids=lambda value: str(getattr(value, "name", value)),
)
def test_the_original_layout_draws_the_same_bytes_as_a_folder(family, channels, written, tmp_path):
    single = written(family, channels)
    folder = checkpoints.write_folder(parts_of(family, channels), family, tmp_path / "folder")
    pictures = [draw(ref)[0] for ref in (single, folder)]
    assert pictures[0].tobytes() == pictures[1].tobytes()
    assert variety(pictures[0]) > 5


@pytest.mark.parametrize(("family", "channels", "negative"), [
    *((*case, "") for case in CASES),
    (SDXL, 4, "blurry"),
    *(pytest.param(*case, "blurry", marks=pytest.mark.slow) for case in CASES if case[0] != SDXL),
])  # fmt: skip
def test_every_family_equals_diffusers(family, channels, negative, written):
    fields = {"negative_prompt": negative, "scheduler": "DPM++ 2M"}
    ours = draw(written(family, channels), **fields)[0]
    theirs = reference(family, channels, **fields)[0]
    assert difference(ours, theirs) <= TOLERANCE


@pytest.mark.parametrize("family", [SDXL, SDXL_REFINER], ids=lambda family: family.name)
def test_a_batch_and_no_guidance(family, written):
    ref, manager = written(family), ModelManager("cpu", "float32")
    batch = draw(ref, manager, batch_size=2)
    assert difference(batch[1], draw(ref, manager, seed=8)[0]) <= TOLERANCE
    plain = {"guidance_scale": 1.0, "scheduler": "DPM++ 2M"}
    assert difference(draw(ref, manager, **plain)[0], reference(family, **plain)[0]) <= TOLERANCE


def test_clip_skip_never_takes_a_later_layer_than_the_family_was_trained_on(written):
    """SDXL is trained on the layer before the last, which artists call 2."""
    ref, manager = written(SDXL), ModelManager("cpu", "float32")
    one, two, three = (draw(ref, manager, clip_skip=skip)[0].tobytes() for skip in (1, 2, 3))
    assert one == two != three


def test_long_prompts_reach_both_encoders(written):
    ref, manager = written(SDXL), ModelManager("cpu", "float32")
    long, longer = (draw(ref, manager, prompt=LONG + end)[0] for end in ("", ", a cat"))
    assert long.tobytes() != longer.tobytes()


def test_prediction_type_and_zero_snr_of_the_checkpoint_are_honoured(written):
    ref, manager = written(SD1), ModelManager("cpu", "float32")
    kinds = ({}, {"prediction_type": "v_prediction"}, {"prediction_type": "v_prediction",
             "zero_snr": True})  # fmt: skip
    pictures = [draw(with_facts(ref, **kind), manager)[0].tobytes() for kind in kinds]
    assert len(set(pictures)) == 3


def test_picturebook_in_one_file_draws_the_same_bytes(tmp_path):
    folder = picturebook().checkpoint
    path = tmp_path / "picturebook.safetensors"
    export.export_checkpoint(folder, path)
    single = Catalog([tmp_path]).find("picturebook")
    assert (single.path, single.family) == (path, folder.family)
    assert single.prediction_type == folder.prediction_type
    pictures = [draw(ref, prompt="a red house at dawn")[0].tobytes() for ref in (single, folder)]
    assert pictures[0] == pictures[1]

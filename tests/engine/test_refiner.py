"""A second checkpoint goes on within a run: where it is the same one nothing is seen of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace

import pytest
from diffusers import (
    EulerDiscreteScheduler,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLPipeline,
)

from studio.diffusion import latents
from studio.domain import events
from studio.domain.refs import Selection
from studio.domain.request import GenerationRequest
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.families.stable_diffusion import tokenizers
from studio.families.stable_diffusion.family import SDXL, SDXL_REFINER
from studio.residence.manager import ModelManager
from tests.diffusion.reference import for_pipeline
from tests.engine import tiny_models
from tests.engine.running import run
from tests.engine.test_families import difference, parts_of
from tests.engine.tiny_models import TinyModels, settled
from tests.refs import ref_to
from tests.weights import checkpoints

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> TinyModels:
    """With "twin", a copy of "one"."""
    folder = tmp_path_factory.mktemp("tiny")
    written = tiny_models.write(folder)
    shutil.copytree(folder / "one", folder / "twin")
    one = written.refs["checkpoint"]["one"]
    twin = ref_to("twin", "checkpoint", folder / "twin", one.family, layout="diffusers")
    written.refs["checkpoint"]["twin"] = replace(twin, facts=one.facts)
    return written


@pytest.fixture(scope="module")
def engine(models) -> StableDiffusionEngine:
    return models.engine()


@pytest.fixture(scope="module")
def draw(engine) -> Callable[..., bytes]:
    def drawn(**fields) -> bytes:
        last = run(engine, settled(**{"steps": 4, **fields}))[-1]
        assert isinstance(last, events.Finished), last
        return last.pictures[0].image.tobytes()

    return drawn


INPAINT = {"kind": "inpaint", "image": "any", "mask": "any", "strength": 0.8}


@pytest.mark.parametrize("fields", [
    {},
    {"scheduler": "DPM++ 2M SDE", "batch_size": 2},
    {"scheduler": "Heun", "loras": ["blueprint:1"], "guidance_rescale": 0.5},
    {"scheduler": "Euler CFG++", "negative_prompt": "fog"},
    {"scheduler": "DPM adaptive"},
    {"task": INPAINT, "controls": [{"controlnet": "edges", "image": "any", "scale": 0.9}]},
    {"hires": {"strength": 0.5}},
])  # fmt: skip
def test_a_copy_of_the_checkpoint_changes_no_byte(draw, fields):
    """Whatever the sampler remembers of the steps before, it still knows."""
    plain = draw(**fields)
    assert draw(refiner={"checkpoint": "twin", "switch_at": 0.5}, **fields) == plain


def test_another_one_draws_what_follows_the_switch(draw):
    at = {
        share: draw(refiner={"checkpoint": "two", "switch_at": share})
        for share in (0, 0.01, 0.25, 0.5, 0.75, 0.76, 1)
    }
    assert at[1] == at[0.76] == draw(), "after the last step there is nothing to switch"
    assert at[0] == draw(checkpoint="two")
    assert at[0.01] == at[0.25]
    assert len({at[share] for share in (0, 0.25, 0.5, 0.75, 1)}) == 5


def test_only_one_is_on_loan_and_a_cancel_meanwhile_leaves_what_there_is(models, draw):
    engine = models.engine(host_bytes=0)
    asked = settled(steps=4, refiner={"checkpoint": "two", "switch_at": 0.5})
    lent, seen = [], []

    def watch(one, event) -> None:
        lent.append([lease.selection.checkpoint.name for lease in engine._manager._leases])

    last = run(engine, asked, watch=watch)[-1]
    assert last.pictures[0].image.tobytes() == draw(refiner={"checkpoint": "two", "switch_at": 0.5})
    assert sorted({name for names in lent for name in names}) == ["one", "two"]
    assert max(len(names) for names in lent) == 1

    def leave(one, event) -> None:
        seen.append(type(event).__name__)
        if seen[-1] == "Loading" and "Progress" in seen:
            one.cancel()

    last = run(models.engine(host_bytes=0), asked, watch=leave)[-1]
    assert isinstance(last, events.Cancelled)
    [picture] = last.pictures
    assert picture.partial and picture.image.size == (64, 64) and "preview" in picture.warnings[0]


def selecting(base, refiner) -> Callable[[GenerationRequest], Selection]:
    return lambda request: Selection(refiner if request.checkpoint == "refiner" else base)


@pytest.mark.parametrize("negative", ["", pytest.param("blurry", marks=pytest.mark.slow)])
def test_the_sdxl_refiner_equals_diffusers(tmp_path, negative):
    """Its own text encoder, its score instead of a target size, and no zeros for an empty negative
    prompt: in two pipelines, the second beginning where the first one ended."""
    size, steps, switch_at = {"width": 96, "height": 64}, 5, 0.6
    common = {"guidance_scale": 6.0, "num_inference_steps": steps, "prompt": "a red fox"}
    base, refiner = (
        checkpoints.write_single(parts_of(family), family, tmp_path / f"{name}.safetensors")
        for name, family in (("base", SDXL), ("refiner", SDXL_REFINER))
    )
    engine = StableDiffusionEngine(ModelManager("cpu", "float32"), selecting(base, refiner))
    request = GenerationRequest(
        prompt="a red fox",
        negative_prompt=negative,
        seed=7,
        steps=steps,
        guidance_scale=6.0,
        scheduler="Euler",
        noise_schedule="normal",
        refiner={"checkpoint": "refiner", "switch_at": switch_at},
        **size,
    )
    last = run(engine, request.settled(base.name, SDXL))[-1]
    assert isinstance(last, events.Finished), last

    def pipeline(kind, family, **more):
        parts = dict(parts_of(family))
        for encoder in family.prompt_encoders:
            place = encoder.part.replace("text_encoder", "tokenizer")
            parts[place] = tokenizers.clip(encoder.pad_token)
        scheduler = for_pipeline("Euler", "normal", "epsilon", [7])
        assert isinstance(scheduler, EulerDiscreteScheduler)
        made = kind(**parts, scheduler=scheduler, add_watermarker=False, **more)
        made.set_progress_bar_config(disable=True)
        return made

    first = pipeline(StableDiffusionXLPipeline, SDXL)(
        **common,
        **size,
        negative_prompt=negative or None,
        generator=latents.generators([7]),
        denoising_end=switch_at,
        output_type="latent",
    ).images
    second = pipeline(
        StableDiffusionXLImg2ImgPipeline,
        SDXL_REFINER,
        text_encoder=None,
        tokenizer=None,
        requires_aesthetics_score=True,
        force_zeros_for_empty_prompt=False,
    )
    sizes = {"original_size": (64, 96), "target_size": (64, 96)}
    [theirs] = second(
        **common, **sizes, negative_prompt=negative, image=first, denoising_start=switch_at
    ).images
    assert difference(last.pictures[0].image, theirs) <= 2


def test_what_does_not_fit_the_refiner_is_left_out_with_a_warning(tmp_path):
    base, refiner = (
        checkpoints.write_single(parts_of(family), family, tmp_path / f"{name}.safetensors")
        for name, family in (("base", SDXL), ("refiner", SDXL_REFINER))
    )
    asked: list[GenerationRequest] = []

    def select(request: GenerationRequest) -> Selection:
        asked.append(request)
        return selecting(base, refiner)(request)

    engine = StableDiffusionEngine(ModelManager("cpu", "float32"), select)
    request = GenerationRequest(
        loras=["style:1"],
        steps=2,
        width=64,
        height=64,
        refiner={"checkpoint": "refiner", "switch_at": 0.5},
    )
    [picture] = run(engine, request.settled(base.name, SDXL))[-1].pictures
    assert [len(each.loras) for each in asked if each.checkpoint == "refiner"] == [0]
    assert any("without what was made for SDXL: style" in text for text in picture.warnings)

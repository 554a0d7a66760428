"""The referee: diffusers' own pipeline, with the same weights, scheduler and generators."""

import numpy as np
import pytest
from diffusers import StableDiffusionPipeline

from studio.diffusion import latents
from tests.diffusion.reference import for_pipeline
from tests.engine.running import pictures
from tests.models_in_memory import engine, manager, picturebook

pytestmark = pytest.mark.filterwarnings("ignore")

TOLERANCE = 2
"""Of 255 levels: the two sum in another order, the pictures are the same to the eye and more."""
KINDS = ("DPM++ 2M", "Euler a", "DPM++ SDE", "Heun")
"""Deterministic, ancestral, SDE, two calls a step: what differs outside of the sampler. That each
sampler by itself goes the same way, tests/diffusion shows of the latents."""

SMALL = {"width": 64, "height": 64}


def reference(**fields) -> list:
    """What diffusers draws for the fields of a request, in float32 on the CPU."""
    with manager("float32").lease(picturebook()) as models:
        request = {"steps": 20, "guidance_scale": 7.0, "batch_size": 1, **fields}
        seeds = range(request["seed"], request["seed"] + request["batch_size"])
        pipeline = StableDiffusionPipeline(
            vae=models.vae,
            text_encoder=models.text_encoders[0],
            tokenizer=models.tokenizers[0],
            unet=models.backbone,
            scheduler=for_pipeline(
                request.get("scheduler", "DPM++ 2M"),
                request.get("noise_schedule", "automatic"),
                models.ref.prediction_type,
                seeds,
            ),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
        pipeline.set_progress_bar_config(disable=True)
        # diffusers passes eta 0 to every sampler that has one; TCD's own default is 0.3.
        return pipeline(
            prompt=request["prompt"],
            negative_prompt=request.get("negative_prompt", ""),
            num_inference_steps=request["steps"],
            guidance_scale=request["guidance_scale"],
            guidance_rescale=request.get("guidance_rescale", 0.0),
            num_images_per_prompt=request["batch_size"],
            width=request.get("width", 128),
            height=request.get("height", 128),
            generator=latents.generators(seeds),
            eta=0.3 if request.get("scheduler") == "TCD" else 0.0,
        ).images


def difference(one, other) -> int:
    """Largest difference of two pictures, in levels of 255."""
    return int(np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16)).max())


@pytest.mark.parametrize("scheduler", KINDS)
def test_every_kind_of_scheduler(scheduler):
    fields = {"prompt": "a red house on a meadow", "seed": 7, "steps": 4, "scheduler": scheduler}
    assert difference(pictures(engine(), **fields)[0], reference(**fields)[0]) <= TOLERANCE


def test_a_noise_schedule_of_ours():
    fields = {"prompt": "a blue boat", "seed": 7, "steps": 4, "noise_schedule": "sgm_uniform"}
    assert difference(pictures(engine(), **fields)[0], reference(**fields)[0]) <= TOLERANCE


@pytest.mark.parametrize(
    "fields",
    [
        {"negative_prompt": "mountains, rain", "guidance_scale": 9.5},
        {"guidance_scale": 1.0},
        {"guidance_rescale": 0.7, "guidance_scale": 12.0},
        {"width": 128, "height": 64},
        {"prompt": ""},
        {"prompt": "ein Haus 😀 שלום"},
    ],
    ids=lambda fields: " ".join(fields),
)
def test_every_setting(fields):
    fields = {"prompt": "a green tree at night", "seed": 3, "steps": 3, **SMALL, **fields}
    assert difference(pictures(engine(), **fields)[0], reference(**fields)[0]) <= TOLERANCE


@pytest.mark.parametrize(
    "scheduler", ["Euler a", pytest.param("DPM++ SDE", marks=pytest.mark.slow)]
)
def test_a_batch(scheduler):
    fields = {"prompt": "a cat", "seed": 40, "steps": 3, "batch_size": 2, **SMALL}
    fields["scheduler"] = scheduler
    ours, theirs = pictures(engine(), **fields), reference(**fields)
    assert len(ours) == 2
    assert max(map(difference, ours, theirs)) <= TOLERANCE


@pytest.mark.parametrize("scheduler", ["DPM++ 2M", "DPM++ SDE"])
def test_picture_k_of_a_batch_is_the_single_picture_with_seed_plus_k(scheduler):
    fields = {"prompt": "a yellow star", "steps": 3, "scheduler": scheduler, **SMALL}
    batch = pictures(engine(), seed=10, batch_size=2, **fields)
    for k, picture in enumerate(batch):
        single = pictures(engine(), seed=10 + k, **fields)[0]
        assert difference(picture, single) <= TOLERANCE
    assert difference(batch[0], batch[1]) > 20


@pytest.mark.parametrize(
    ("dtype", "scheduler"),
    [
        ("float32", "DPM++ 2M"),
        ("bfloat16", "DPM++ SDE"),
        pytest.param("float32", "DPM++ SDE", marks=pytest.mark.slow),
        pytest.param("bfloat16", "DPM++ 2M", marks=pytest.mark.slow),
    ],
)
def test_a_request_repeated_gives_the_same_bytes(dtype, scheduler):
    fields = {"prompt": "a snowman", "seed": 5, "steps": 2, "scheduler": scheduler, **SMALL}
    first = pictures(engine(dtype), **fields)[0]
    pictures(engine(dtype), prompt="something else in between", seed=1, steps=1, **SMALL)
    assert pictures(engine(dtype), **fields)[0].tobytes() == first.tobytes()

"""The referee for what begins with a picture: diffusers' image-to-image and inpaint pipelines.

The latents of the picture are handed to them: they would draw a sample of what the VAE's encoder
finds likely, and use up random numbers for it, where we take the mean.
"""

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline

from studio.diffusion import inpainting, latents
from studio.domain.refs import Selection
from studio.domain.request import GenerationRequest
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.families.stable_diffusion import tokenizers
from studio.families.stable_diffusion.family import SD1
from studio.residence.manager import ModelManager
from tests.diffusion.reference import for_pipeline
from tests.engine.pictures import Desk, box_mask, scene
from tests.engine.running import run
from tests.engine.test_equals_diffusers import KINDS, TOLERANCE
from tests.engine.test_families import parts_of
from tests.models_in_memory import manager, picturebook
from tests.weights import checkpoints

pytestmark = pytest.mark.filterwarnings("ignore")

FIELDS = {"prompt": "a green tree by the sea", "seed": 7, "steps": 4, "guidance_scale": 5.0}
SIZE = (96, 64)
BOX = (40, 16, 80, 56)
"""Edges on latent cells, where diffusers' mask of one pixel a cell and ours are the same."""


def desk() -> Desk:
    return Desk(image=scene(SIZE), mask=box_mask(SIZE, BOX))


def reference(kind, parts, prediction_type, seeds=(7,), **fields):
    """What diffusers draws: `kind` is one of its pipelines, `parts` its modules."""
    request = {"strength": 0.75, "scheduler": "DPM++ 2M", "noise_schedule": "automatic", **FIELDS}
    request |= fields
    parts["unet"].register_to_config(sample_size=64)  # they compare it with a number
    scheduler = for_pipeline(
        request["scheduler"], request["noise_schedule"], prediction_type, seeds
    )
    pipeline = kind(
        **parts,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    vae, image, mask = parts["vae"], scene(SIZE), box_mask(SIZE, BOX)
    given = {"image": latents.encode(vae, latents.to_pixels(image))}
    if kind is StableDiffusionInpaintPipeline:
        kept = latents.encode(vae, inpainting.masked_pixels(image, mask))
        given |= {"mask_image": mask, "masked_image_latents": kept, "height": 64, "width": 96}
    given = {
        k: v.repeat(len(seeds), 1, 1, 1) if torch.is_tensor(v) else v for k, v in given.items()
    }
    return pipeline(
        prompt=request["prompt"],
        negative_prompt="",
        strength=request["strength"],
        num_inference_steps=request["steps"],
        guidance_scale=request["guidance_scale"],
        num_images_per_prompt=len(seeds),
        generator=latents.generators(seeds),
        eta=0.3 if request["scheduler"] == "TCD" else 0.0,
        output_type="latent",
        **given,
    ).images


@torch.inference_mode()
def theirs(kind, **fields):
    """With picturebook's weights, decoded."""
    with manager("float32").lease(picturebook()) as models:
        parts = {
            "vae": models.vae,
            "text_encoder": models.text_encoders[0],
            "tokenizer": models.tokenizers[0],
            "unet": models.backbone,
        }
        drawn = reference(kind, parts, models.ref.prediction_type, **fields)
        return latents.decode(models.vae, drawn)


def difference(one, other) -> int:
    return int(np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16)).max())


def ours(task, **fields):
    return [picture.image for picture in desk().draw(**{**FIELDS, **fields, "task": task})]


def to_image(**fields):
    strength = fields.pop("strength", 0.75)
    return ours({"kind": "image_to_image", "image": "image", "strength": strength}, **fields)


def inpainted(**fields):
    strength = fields.pop("strength", 0.75)
    task = {"kind": "inpaint", "image": "image", "mask": "mask", "mask_blur": 0}
    return ours({**task, "strength": strength}, **fields)


def inside(image):
    """What was repainted: outside of it the picture keeps its bytes, while diffusers' has been
    through the VAE."""
    return image.crop(BOX)


@pytest.mark.parametrize("scheduler", KINDS)
def test_image_to_image_with_every_kind_of_scheduler(scheduler):
    [expected] = theirs(StableDiffusionImg2ImgPipeline, scheduler=scheduler)
    assert difference(to_image(scheduler=scheduler)[0], expected) <= TOLERANCE


@pytest.mark.parametrize(
    "scheduler", ["DPM++ 2M", "Euler a", pytest.param("Heun", marks=pytest.mark.slow)]
)
def test_inpainting_with_every_kind_of_scheduler(scheduler):
    """DPM++ SDE's calls between two steps have a noise level of their own, of which diffusers'
    inpainting takes no notice; tests/diffusion/test_part_way.py looks at each call."""
    [expected] = theirs(StableDiffusionInpaintPipeline, scheduler=scheduler)
    assert difference(inside(inpainted(scheduler=scheduler)[0]), inside(expected)) <= TOLERANCE


@pytest.mark.parametrize(
    "strength", [0.3, *(pytest.param(one, marks=pytest.mark.slow) for one in (0.5, 0.99)), 1.0]
)
def test_every_strength(strength):
    [expected] = theirs(StableDiffusionImg2ImgPipeline, strength=strength)
    assert difference(to_image(strength=strength)[0], expected) <= TOLERANCE
    [expected] = theirs(StableDiffusionInpaintPipeline, strength=strength)
    assert difference(inside(inpainted(strength=strength)[0]), inside(expected)) <= TOLERANCE


def test_a_noise_schedule_of_ours():
    [expected] = theirs(StableDiffusionInpaintPipeline, noise_schedule="sgm_uniform")
    drawn = inpainted(noise_schedule="sgm_uniform")[0]
    assert difference(inside(drawn), inside(expected)) <= TOLERANCE


def test_a_batch():
    expected = theirs(StableDiffusionInpaintPipeline, seeds=(7, 8), scheduler="Euler a")
    drawn = inpainted(batch_size=2, scheduler="Euler a")
    for one, other in zip(drawn, expected, strict=True):
        assert difference(inside(one), inside(other)) <= TOLERANCE


@pytest.mark.parametrize(
    ("channels", "strength"),
    [
        (4, 0.75),
        (9, 1.0),
        *(pytest.param(*one, marks=pytest.mark.slow) for one in ((4, 1.0), (9, 0.75))),
    ],
)
def test_small_random_checkpoints(channels, strength, tmp_path):
    """Ordinary ones and those made for inpainting, which see mask and masked picture."""
    ref = checkpoints.write_single(parts_of(SD1, channels), SD1, tmp_path / "a.safetensors")
    files = desk().files
    engine = StableDiffusionEngine(
        ModelManager("cpu", "float32"), lambda request: Selection(ref), read=files.__getitem__
    )
    task = {"kind": "inpaint", "image": "image", "mask": "mask", "mask_blur": 0}
    request = GenerationRequest(**FIELDS, task={**task, "strength": strength})
    last = run(engine, request.settled(ref.name, SD1, source_size=SIZE))[-1]
    parts = dict(parts_of(SD1, channels), tokenizer=tokenizers.clip())
    with torch.inference_mode():
        drawn = reference(StableDiffusionInpaintPipeline, parts, "epsilon", strength=strength)
        [expected] = latents.decode(parts["vae"], drawn)
    assert difference(inside(last.pictures[0].image), inside(expected)) <= TOLERANCE
    assert np.asarray(inside(expected)).std() > 5

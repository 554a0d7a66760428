"""Z-Image: the same latents as diffusers' own pipelines, to the bit, from every layout of its
files. The models are small and random, so that a wrong place of any weight shows."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from diffusers import (
    AutoencoderKL,
    FlowMatchEulerDiscreteScheduler,
    ZImageImg2ImgPipeline,
    ZImageInpaintPipeline,
    ZImagePipeline,
)

from studio.catalog.catalog import Catalog
from studio.diffusion import latents
from tests.engine.pictures import box_mask, scene
from tests.families import z_images
from tests.families.bench import BOX, FIELDS, SIZE, Bench, Seen

pytestmark = pytest.mark.filterwarnings("ignore")

GUIDED = {"guidance_scale": 4.5, "negative_prompt": "a long tale of rain, and of mud and fog"}
TO_IMAGE = {"kind": "image_to_image", "image": "image", "strength": 0.75}
INPAINT = {**TO_IMAGE, "kind": "inpaint", "mask": "mask", "mask_blur": 0}
ways = pytest.mark.parametrize("fields", [{}, GUIDED], ids=["plain", "guided"])


class Certain(AutoencoderKL):
    """Gives the mean of what the encoder finds likely, as the studio takes it, not a sample."""

    def encode(self, pixels, return_dict=True):
        told = super().encode(pixels)
        mean = told.latent_dist.mode()
        told.latent_dist.sample = lambda generator=None: mean
        return told


@cache
def certain_vae() -> Certain:
    vae = Certain.from_config(z_images.parts()["vae"].config)
    vae.load_state_dict(z_images.parts()["vae"].state_dict())
    return vae.eval()


@torch.inference_mode()
def theirs(kind, seeds=(7,), shift: float = z_images.SHIFT, **fields) -> torch.Tensor:
    """What diffusers' pipeline `kind` hands its decoder."""
    asked = {**FIELDS, "negative_prompt": "", **fields}
    vae = certain_vae()
    pipeline = kind(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=shift),
        vae=vae,
        text_encoder=z_images.parts()["text_encoder"],
        tokenizer=z_images.tokenizer(),
        transformer=z_images.parts()["transformer"],
    )
    pipeline.set_progress_bar_config(disable=True)
    given = {}
    if kind is not ZImagePipeline:
        given = {"image": scene(SIZE), "strength": 0.75}
    if kind is ZImageInpaintPipeline:
        given |= {"mask_image": box_mask(SIZE, BOX)}
    with Seen(vae) as z:
        pipeline(
            prompt=[asked["prompt"]] * len(seeds),
            negative_prompt=[asked["negative_prompt"]] * len(seeds),
            num_inference_steps=asked["steps"],
            guidance_scale=asked["guidance_scale"] - 1,  # theirs begins to count at 0
            width=SIZE[0],
            height=SIZE[1],
            generator=latents.generators(seeds),
            **given,
        )
    return torch.cat(list(z))


def difference(one: torch.Tensor, other: torch.Tensor) -> float:
    other = other.flatten(0, -4)
    assert one.shape == other.shape
    assert float(other.std()) > 0.1
    return float((one - other).abs().max())


@ways
def test_text_to_image(bench, fields):
    _, ours = bench.draw(**fields)
    assert difference(ours, theirs(ZImagePipeline, **fields)) == 0.0


@pytest.mark.parametrize("checkpoint", ["whole", "z_image"])
def test_the_original_layout_holds_the_same(bench, checkpoint):
    _, ours = bench.draw(checkpoint=checkpoint, **GUIDED)
    assert difference(ours, theirs(ZImagePipeline, **GUIDED)) == 0.0


@ways
def test_image_to_image(bench, fields):
    _, ours = bench.draw(task=TO_IMAGE, **fields)
    assert difference(ours, theirs(ZImageImg2ImgPipeline, **fields)) == 0.0


@ways
def test_inpainting(bench, fields):
    events, ours = bench.draw(task=INPAINT, **fields)
    assert difference(ours, theirs(ZImageInpaintPipeline, **fields)) == 0.0
    [picture] = events[-1].pictures
    assert picture.outside_mask_max_difference == 0


def test_a_batch(bench):
    _, ours = bench.draw(batch_size=2)
    assert difference(ours, theirs(ZImagePipeline, seeds=(7, 8))) == 0.0


def test_a_folder_says_how_far_its_noise_levels_are_shifted(tmp_path):
    z_images.write_folder(tmp_path / "base", shift=6.0)
    _, ours = Bench(Catalog([tmp_path])).draw(checkpoint="base")
    assert difference(ours, theirs(ZImagePipeline, shift=6.0)) == 0.0
    assert difference(ours, theirs(ZImagePipeline)) > 0.1

"""Seamless tiles: no place in a picture is its border, and nothing stays behind on the models."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from studio.diffusion import latents, seamless
from studio.diffusion.rows import Rows
from studio.domain.events import Finished
from studio.domain.seamless import TILINGS, across, down
from studio.families.z_image.backbone import TransformerPredictor
from studio.imaging.resizing import enlarged
from tests.engine.pictures import Desk, box_mask, scene
from tests.engine.running import pictures, run, settled
from tests.families import z_images
from tests.models_in_memory import engine, manager, picturebook

FIELDS = {"prompt": "a meadow with flowers, clouds", "seed": 1, "steps": 6}
SHIFT = 8
"""Cells: as many as a level of the U-Net takes together, so that its grids fall on each other."""


@pytest.mark.parametrize("tiling", ["x", "y", "both"])
@torch.inference_mode()
def test_what_is_turned_round_stays_what_it_is(tiling):
    """A picture without borders does not know where it begins (equivariance under shifts)."""
    dims = [dim for dim, on in ((2, down(tiling)), (3, across(tiling))) if on]
    cells, pixels = [SHIFT] * len(dims), [8 * SHIFT] * len(dims)
    noise = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    words = torch.zeros(1, 77, 64)
    with manager("float32").lease(picturebook()) as models:
        unet, vae = models.backbone, models.vae
        words = torch.zeros(1, 77, unet.config.cross_attention_dim)

        def all_three(sample: torch.Tensor) -> list[torch.Tensor]:
            image = vae.decode(sample)[0]
            predicted = unet(sample, torch.tensor([500.0]), words)[0]
            return [predicted, image, vae.encode(image).latent_dist.mode()]

        plain = all_three(noise)
        with seamless.wrapped(unet, tiling), seamless.wrapped(vae, tiling):
            here, there = all_three(noise), all_three(noise.roll(cells, dims))
        again = all_three(noise)
    for one, other, by in zip(here, there, (cells, pixels, cells), strict=True):
        assert float((one.roll(by, dims) - other).abs().max()) < 1e-4
    assert all(map(torch.equal, plain, again))
    assert not any("_conv_forward" in vars(each) for each in [*unet.modules(), *vae.modules()])


def seams(image: Image.Image) -> tuple[float, float]:
    """The change from one border to the other, (x, y), by that across the other borders of cells:
    all of these have the VAE's lattice in common."""
    values = np.asarray(image, np.float32)
    along = [np.abs(np.roll(values, -1, axis) - values) for axis in (1, 0)]
    lines = along[0].mean((0, 2))[7::8], along[1].mean((1, 2))[7::8]
    return tuple(float(line[-1] / line[:-1].mean()) for line in lines)


def median_seams(tiling: str) -> np.ndarray:
    """Of pictures with seeds of their own: in a single one a star may lie across the border."""
    prompts = ("night, stars", FIELDS["prompt"], "snow")
    drawn = [
        pictures(engine(), prompt=prompt, seed=seed, steps=6, tiling=tiling)[0]
        for seed, prompt in enumerate(prompts, 20)
    ]
    return np.median([seams(image) for image in drawn], axis=0)


def test_no_seam_is_to_be_seen():
    assert max(median_seams("both")) < 1.5
    assert min(median_seams("none")) > 2.5
    beside, below = median_seams("x")
    assert beside < 1.5 and below > 2.5


def test_a_larger_drawing_and_a_part_of_one():
    hires = {"factor": 1.5, "strength": 0.5}
    for upscaler in ("Latent", "Lanczos"):  # with a seed that draws no cloud at a border
        asked = {
            **FIELDS,
            "seed": 3,
            "hires": hires | {"upscaler": upscaler},
        }
        (drawn,) = pictures(engine(), **asked, tiling="both")
        assert max(seams(drawn)) < 1.5
    desk = Desk(image=scene((256, 256)), mask=box_mask((256, 256), (100, 100, 140, 140)))
    task = {"kind": "inpaint", "image": "image", "mask": "mask", "area": "only_masked"}
    last = run(desk.engine, settled(**FIELDS, tiling="both", task=task))[-1]
    assert isinstance(last, Finished)
    assert "borders are not seamless" in last.pictures[0].warnings[0]


@pytest.mark.parametrize("tiling", TILINGS)
def test_upscaled_between_two_drawings(tiling):
    """As the middle of nine of them."""
    values = torch.rand(1, 4, 6, 10)
    nine = latents.upscaled(values.repeat(1, 1, 3, 3), "Latent", 36, 60)[..., 12:24, 20:40]
    got = latents.upscaled(values, "Latent", 12, 20, tiling)
    inside = np.s_[..., 2:-2, 2:-2]
    assert torch.allclose(got[inside], nine[inside])
    assert torch.allclose(got, nine) == (tiling == "both")
    image = scene((48, 80))
    turned = Image.fromarray(np.roll(np.asarray(image), (40, 24), (0, 1)))
    larger, back = (enlarged(each, (96, 160), "Lanczos", tiling) for each in (image, turned))
    back = np.roll(np.asarray(back), (-80, -48), (0, 1))
    assert np.array_equal(back, np.asarray(larger)) == (tiling == "both")


@torch.inference_mode()
def test_a_transformer_is_turned_before_each_call():
    """Each row by its own timestep, whoever shares the call, and turned back."""
    predict = TransformerPredictor(z_images.parts()["transformer"])
    words = torch.randn(2, 9, z_images.TEXT_WIDTH)
    sample, times = torch.randn(2, 16, 8, 8), torch.tensor([700.0, 301.0])
    asked = Rows(sample, times, words, prompt_lengths=(9, 9), tiling="both")
    turns = [seamless.turn((8, 8), "both", time) for time in times.tolist()]
    assert len(set(turns)) == 2
    together = predict(asked)
    for row, turn in enumerate(turns):
        turned = sample[row].roll(turn, (1, 2))[None]
        one = slice(row, row + 1)
        alone = predict(Rows(turned, times[one], words[one], prompt_lengths=(9,)))[0]
        assert torch.allclose(together[row], alone.roll([-by for by in turn], (1, 2)), atol=1e-4)

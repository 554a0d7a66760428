"""The denoise loop, as a coroutine: it knows schedulers and latents, and no model.

It yields an `Ask` for what it needs predicted and is sent the `noise_pred`; after each step it
yields a `Step`. Whoever drives it answers the asks of one run or, concatenated, of several.
Shapes: latents (B, C, h, w) float32, with h and w an eighth of the picture's.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from studio.diffusion import schedulers
from studio.diffusion.conditioning import Conditioning


@dataclass(frozen=True)
class Ask:
    """Wanted: the noise prediction for `sample` (B, C, h, w), scaled for the U-Net, at `timestep`
    (B,) float32 on the device, under `conditioning`. Every row stands for itself."""

    sample: torch.Tensor
    timestep: torch.Tensor
    conditioning: Conditioning


@dataclass(frozen=True)
class Step:
    """`index` (from 1) of `total` U-Net calls is done.

    latents   what goes into the next step
    denoised  the estimate of the clean latents, to be seen in a preview
    """

    index: int
    total: int
    latents: torch.Tensor
    denoised: torch.Tensor


def denoise(
    noise: torch.Tensor,
    scheduler: Any,
    steps: int,
    conditioning: Conditioning,
    generators: Sequence[torch.Generator],
) -> Generator[Ask | Step, torch.Tensor | None, torch.Tensor]:
    """From `noise`, N(0, 1) on the device, to clean latents, which it returns.

    `scheduler` is a fresh one, `generators` (on the CPU, one a row) feed samplers that add noise.
    """
    timesteps = schedulers.set_steps(scheduler, steps)
    on_device = timesteps.to(noise.device, torch.float32)
    alphas_cumprod = schedulers.alphas_cumprod_at(scheduler, timesteps).tolist()
    options = schedulers.step_options(scheduler, generators)
    latents = noise * scheduler.init_noise_sigma
    for index, timestep in enumerate(timesteps):
        sample = scheduler.scale_model_input(latents, timestep)
        noise_pred = yield Ask(sample, on_device[index].expand(len(sample)), conditioning)
        latents = scheduler.step(noise_pred, timestep, latents, return_dict=False, **options)[0]
        denoised = estimate(
            sample, noise_pred, alphas_cumprod[index], scheduler.config.prediction_type
        )
        yield Step(index + 1, len(timesteps), latents, denoised)
    return latents


def estimate(
    sample: torch.Tensor, noise_pred: torch.Tensor, alpha_cumprod: float, prediction_type: str
) -> torch.Tensor:
    """The clean latents that `noise_pred` implies.

    Every scheduler hands the U-Net x = √ᾱ·x₀ + √(1−ᾱ)·ε (its own scaling undone), so one formula
    serves all: x₀ = (x − √(1−ᾱ)·ε)/√ᾱ (DDPM, arXiv:2006.11239, eq. 15), or √ᾱ·x − √(1−ᾱ)·v
    (progressive distillation, arXiv:2202.00512, appendix D). Timesteps rounded to whole numbers
    make it inexact in the third digit.
    """
    signal, noise = alpha_cumprod**0.5, (1 - alpha_cumprod) ** 0.5
    if prediction_type == "v_prediction":
        return signal * sample - noise * noise_pred
    return (sample - noise * noise_pred) / signal

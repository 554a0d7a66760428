"""The denoise loop, as a coroutine: it knows schedulers and latents, and no model.

It yields an `Ask` for what it needs predicted and is sent the `noise_pred`; after each step it
yields a `Step`. What becomes of an ask is the affair of whoever drives it.
Shapes: latents (B, C, h, w) float32, with h and w an eighth of the picture's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import torch

from studio.diffusion.conditioning import Conditioning
from studio.diffusion.scheduler import Level, Scheduler


@dataclass(frozen=True)
class Ask:
    """Wanted: the noise prediction for `sample` (B, C, h, w), scaled for the backbone, at
    `timestep` (B,) float32 on the device, under `conditioning`.

    With `wants_negative` the answer is a `Guided`, else the prediction alone.

    begun, ended  the share of the run that is behind before and after this call, 0 to 1
    time          `timestep` on the host; None where each row has its own
    """

    sample: torch.Tensor
    timestep: torch.Tensor
    conditioning: Conditioning
    wants_negative: bool = False
    begun: float = 0.0
    ended: float = 1.0
    time: float | None = None


@dataclass(frozen=True)
class Guided:
    """The prediction, and that under the negative prompt alone; the same where guidance is off."""

    noise_pred: torch.Tensor
    negative_pred: torch.Tensor


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


Blend = Callable[[torch.Tensor, Level], torch.Tensor]
"""After a step: (latents, level) -> latents, with what is to be kept put back as it is at the noise
`level` of the next step."""


@dataclass(frozen=True)
class Start:
    """What a run begins with that does not begin with noise alone.

    clean     latents (B, C, h, w) float32 on the device
    strength  share of the steps that is gone through, above 0 to 1: so much noise is added first
    blend     what is done to the latents after each step; None: nothing
    unseen    the clean latents do not shine through the first noise. For a strength of 1
    """

    clean: torch.Tensor
    strength: float
    blend: Blend | None = None
    unseen: bool = False


def denoise(
    noise: torch.Tensor,
    scheduler: Scheduler,
    steps: int,
    conditioning: Conditioning,
    generators: Sequence[torch.Generator],
    start: Start | None = None,
) -> Generator[Ask | Step, torch.Tensor | Guided | None, torch.Tensor]:
    """From `noise`, N(0, 1) on the device, to clean latents, which it returns.

    `scheduler` is a fresh one, `generators` (on the CPU, one a row) feed samplers that add noise.
    """
    first, noise_sigma = scheduler.begin(steps, start.strength if start else 1.0)
    index, traits, times = first, scheduler.traits, _Times(scheduler, noise)
    if traits.guidance_factor != 1:
        scale = conditioning.guidance_scale * traits.guidance_factor
        conditioning = dataclasses.replace(conditioning, guidance_scale=scale)
    if start is None or start.unseen:
        latents = noise * noise_sigma
    else:
        latents = noised(start.clean, noise, scheduler.level(first))
    while index < times.total:
        sample = scheduler.scaled(latents, index)
        timestep, level = times.at(index)
        begun, ended = ((at - first) / (times.total - first) for at in (index, index + 1))
        wanted = sample, timestep, conditioning, traits.wants_negative
        answer = yield Ask(*wanted, begun, ended, times.of_all(index))
        noise_pred, negative_pred = answer, None
        if traits.wants_negative:
            noise_pred, negative_pred = answer.noise_pred, answer.negative_pred
        latents = scheduler.step(noise_pred, index, latents, generators, negative_pred)
        denoised = traits.law.clean(sample, noise_pred, level)
        index += 1
        if start and start.blend:
            latents = start.blend(latents, scheduler.level(index))
        yield Step(index - first, times.total - first, latents, denoised)
    return latents


def noised(clean: torch.Tensor, noise: torch.Tensor, level: Level) -> torch.Tensor:
    """Clean latents as they are at noise `level`."""
    return clean * level.signal + noise * level.sigma


class _Times:
    """A scheduler's timesteps as the U-Net needs them, uploaded once.

    An adaptive sampler replaces its timesteps as it goes, and has one for each row.
    """

    def __init__(self, scheduler: Scheduler, like: torch.Tensor) -> None:
        self._scheduler = scheduler
        self._like = like
        self._uploaded: torch.Tensor | None = None

    @property
    def total(self) -> int:
        """U-Net calls of the run, as far as can be told now."""
        return len(self._scheduler.timesteps)

    def of_all(self, index: int) -> float | None:
        """The timestep of all rows; None where each has its own."""
        timestep = self._scheduler.timesteps[index]
        return None if timestep.dim() else float(timestep)

    def at(self, index: int) -> tuple[torch.Tensor, float | torch.Tensor]:
        """(timestep (B,) on the device, its level by the law of time: a number, or
        (B, 1, 1, 1))."""
        timesteps = self._scheduler.timesteps
        if timesteps is not self._uploaded:
            self._uploaded = timesteps
            self._on_device = timesteps.to(self._like.device, torch.float32)
            self._levels = self._scheduler.traits.law.level(timesteps)
        level = self._levels[index]
        if level.dim():
            level = level.to(self._like.device).reshape(-1, 1, 1, 1)
        else:
            level = float(level)
        return self._on_device[index].expand(len(self._like)), level

"""A scheduler of diffusers, as the denoise loop asks for it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from diffusers import SchedulerMixin

from studio.diffusion.laws import VariancePreserving
from studio.diffusion.samplers.multistep import Plms
from studio.diffusion.scheduler import CLEAN, Beginning, Level, Traits, steps_left_out


class DiffusersScheduler:
    """See `scheduler.Scheduler`. `inner` is fresh; `options` go to each of its steps."""

    def __init__(self, inner: SchedulerMixin, options: Mapping[str, Any] | None = None) -> None:
        self.inner = inner
        self.traits = Traits(VariancePreserving(inner.config.prediction_type, inner.alphas_cumprod))
        self._options = dict(options or {})
        self._draws_noise = "generator" in inspect.signature(inner.step).parameters
        self._first = 0

    @property
    def timesteps(self) -> torch.Tensor:
        return self.inner.timesteps

    def begin(self, steps: int, strength: float = 1.0) -> Beginning:
        """The timesteps stay on the host: with timesteps on a GPU several schedulers read them
        back at every step. The index of the first is told, which keeps a schedule with two equal
        timesteps (beta, from 32 steps) from being misread."""
        inner, more = self.inner, {}
        distilled_in = getattr(inner.config, "original_inference_steps", steps)
        if steps > distilled_in:  # LCM and TCD choose among the timesteps they were distilled at
            more["original_inference_steps"] = steps
        inner.set_timesteps(steps, device="cpu", **more)
        left_out = steps_left_out(steps, strength)
        if isinstance(inner, Plms):
            inner.leave_out(left_out)
            return Beginning(0, inner.init_noise_sigma)
        self._first = left_out * inner.order
        if hasattr(inner, "set_begin_index"):
            inner.set_begin_index(self._first)
        return Beginning(self._first, inner.init_noise_sigma)

    def scaled(self, latents: torch.Tensor, index: int) -> torch.Tensor:
        return self.inner.scale_model_input(latents, self.timesteps[index])

    def step(
        self,
        noise_pred: torch.Tensor,
        index: int,
        latents: torch.Tensor,
        generators: Sequence[torch.Generator],
        negative_pred: torch.Tensor | None = None,
    ) -> torch.Tensor:
        options = self._options
        if self._draws_noise:
            options = {**options, "generator": list(generators)}
        timestep = self.timesteps[index]
        return self.inner.step(noise_pred, timestep, latents, return_dict=False, **options)[0]

    def level(self, index: int) -> Level:
        """What diffusers' `add_noise` would do is found with two numbers on the host. It is never
        given tensors of the device: it would upload its tables each time and leave some of them
        there, and from then on every step would wait for the device."""
        if index >= len(self.timesteps):
            return CLEAN
        timestep = self.timesteps[index : index + 1]
        clean, noise = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
        signal, sigma = self.inner.add_noise(clean, noise, timestep).tolist()
        behind = (index - self._first) / (len(self.timesteps) - self._first)
        return Level(signal, sigma, behind)

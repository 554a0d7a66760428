"""Samplers for models of the flow law (`laws.Flow`), where the sample is (1−σ) of the clean latents
and σ of the noise, σ from 1 to 0.

What the probability flow is, dx/dσ = (x − x₀)/σ, holds there too, so that solvers of it serve both
laws. Those that put fresh noise in, or reckon in λ = −log σ, do not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import torch

from studio.diffusion.laws import TRAIN_TIMESTEPS, Flow
from studio.diffusion.samplers.base import Call, Calls, Sampler
from studio.diffusion.samplers.heun import Heun
from studio.diffusion.scheduler import CLEAN, Level
from studio.domain.schedulers import SamplerOptions


class FlowSchedule:
    """σ in equal strides from 1, then shifted: σ·s/(1 + (s−1)·σ), which lingers where there is much
    noise (arXiv:2403.03206, eq. 23)."""

    name = "simple"

    def __init__(self, shift: float) -> None:
        self._shift = shift

    def points(self, steps: int) -> tuple[np.ndarray, np.ndarray]:
        """(σ, timesteps), both (steps,) float32 and falling, without the σ of 0 that ends."""
        even = torch.linspace(1.0, 1 / steps, steps).numpy()
        sigmas = self._shift * even / (1 + (self._shift - 1) * even)
        return sigmas, self.timesteps_of(sigmas)

    def timesteps_of(self, sigmas: np.ndarray) -> np.ndarray:
        return sigmas * TRAIN_TIMESTEPS


class FlowSampler(Sampler):
    """See `Sampler`. Answers of the model are velocities, ε − x₀."""

    def __init__(self, schedule: FlowSchedule, seeds: Sequence[int]) -> None:
        super().__init__(schedule, "flow", seeds, SamplerOptions())
        self._velocity: torch.Tensor | None = None

    def _law(self, prediction_type: str) -> Flow:
        return Flow()

    def scaled(self, latents: torch.Tensor, index: int) -> torch.Tensor:
        return latents

    def level(self, index: int) -> Level:
        total = len(self.timesteps)
        if index >= total:
            return CLEAN
        progress = (index - self._first) / (total - self._first)
        return Level(float(1 - self._sigma), float(self._sigma), progress)

    def _denoised(self, model_output: torch.Tensor, sample: torch.Tensor) -> torch.Tensor:
        self._velocity = model_output
        return sample - self._sigma * model_output


class FlowEuler(FlowSampler):
    """Along the velocity itself, not along what the estimate of the clean latents gives back of
    it: the same but for rounding, and to the bit what diffusers does."""

    def _step(self, x: torch.Tensor, i: int) -> Calls:
        x, denoised, _ = yield Call(x, self.sigmas[i])
        velocity = denoised if self._velocity is None else self._velocity
        return x + (self.sigmas[i + 1] - self.sigmas[i]) * velocity


class FlowHeun(FlowSampler, Heun):
    """The mean of the slopes at both ends of a step."""


class FlowDpmPlusPlus2M(FlowSampler):
    """DPM-Solver++ (arXiv:2211.01095, algorithm 2), λ = log((1−σ)/σ). First order wherever a λ is
    infinite: from pure noise, and to the clean latents."""

    def _step(self, x: torch.Tensor, i: int) -> Calls:
        sigma, following = self.sigmas[i], self.sigmas[i + 1]
        x, denoised, _ = yield Call(x, sigma)
        ahead = denoised
        if i > self._begin_step and self.sigmas[i - 1] < 1 and following > 0:
            before, here, there = (self._lambda(k) for k in (i - 1, i, i + 1))
            weight = (there - here) / (here - before) / 2
            ahead = denoised + weight * (denoised - self._denoised_before)
        self._denoised_before = denoised
        kept = following / sigma
        return kept * x + ((1 - following) - kept * (1 - sigma)) * ahead

    def _lambda(self, k: int) -> torch.Tensor:
        return torch.log((1 - self.sigmas[k]) / self.sigmas[k])


FLOW_SAMPLERS: Mapping[str, type[FlowSampler]] = MappingProxyType(
    {"DPM++ 2M": FlowDpmPlusPlus2M, "Euler": FlowEuler, "Heun": FlowHeun}
)
"""By the names of `domain.schedulers`."""

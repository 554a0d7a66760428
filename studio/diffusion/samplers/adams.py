"""Linear multistep methods: the slopes of the last steps foretell the next one (IPNDM)."""

from __future__ import annotations

import numpy as np
import torch

from studio.diffusion.samplers.base import Call, Calls, Sampler, slope

MOST_SLOPES = 4

_EQUAL_STEPS = (
    (1.0,),
    (3 / 2, -1 / 2),
    (23 / 12, -16 / 12, 5 / 12),
    (55 / 24, -59 / 24, 37 / 24, -9 / 24),
)
"""Adams and Bashforth's weights for steps of equal width, newest slope first."""


class Ipndm(Sampler):
    """Weights for equal steps, whatever the steps are (arXiv:2204.13902): good where they change
    slowly from one to the next."""

    def _step(self, x: torch.Tensor, i: int) -> Calls:
        sigma = self.sigmas[i]
        x, denoised, _ = yield Call(x, sigma)
        if i == self._begin_step:
            self._slopes: list[torch.Tensor] = []
        self._slopes = [slope(x, sigma, denoised), *self._slopes][:MOST_SLOPES]
        weights = self._weights(i, len(self._slopes))
        mean = sum(weight * s for weight, s in zip(weights, self._slopes, strict=True))
        return x + mean * (self.sigmas[i + 1] - sigma)

    def _weights(self, i: int, count: int) -> tuple[float, ...]:
        """For the slopes at σᵢ, σᵢ₋₁, …, as many as are `known`."""
        return _EQUAL_STEPS[count - 1]


class IpndmVariable(Ipndm):
    """Weights for the steps as they are."""

    def _weights(self, i: int, count: int) -> tuple[float, ...]:
        # A weighting that is exact for 1, σ, σ², … is exact for the polynomial through all slopes.
        start, width = float(self.sigmas[i]), float(self.sigmas[i + 1] - self.sigmas[i])
        at = (self.sigmas[i - count + 1 : i + 1].flip(0).double().numpy() - start) / width
        powers = np.vander(at, increasing=True).T
        moments = 1 / np.arange(1, count + 1)
        return tuple(np.linalg.solve(powers, moments).tolist())

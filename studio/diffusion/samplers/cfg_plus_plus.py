"""CFG++ (arXiv:2406.08070): guided to where the clean picture is, but the noise that is put back
is that of the negative prompt alone. So the path stays on the model's own manifold, and colours
do not burn at high guidance.

Its guidance goes from 0 to 1. The scale of a request is divided by 12.5, as AUTOMATIC1111 does, so
that 7 means here what it means with other samplers.
"""

from __future__ import annotations

import torch

from studio.diffusion.samplers.base import Call, Calls, Sampler, slope


class EulerCfgPlusPlus(Sampler):
    """Deterministic. DDIM CFG++ is the same, on DDIM's own timesteps."""

    wants_negative = True
    guidance_factor = 1 / 12.5

    def _step(self, x: torch.Tensor, i: int) -> Calls:
        sigma = self.sigmas[i]
        x, denoised, negative = yield Call(x, sigma)
        return denoised + slope(x, sigma, negative) * self.sigmas[i + 1]


class EulerAncestralCfgPlusPlus(EulerCfgPlusPlus):
    """With fresh noise at each step."""

    def _step(self, x: torch.Tensor, i: int) -> Calls:
        sigma = self.sigmas[i]
        x, denoised, negative = yield Call(x, sigma)
        down, up = self._ancestral(sigma, self.sigmas[i + 1])
        x = denoised + slope(x, sigma, negative) * down
        return x + self._noise(x) * up

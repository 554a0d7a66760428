"""Euler's method, and the ancestral one: down further than wanted, then up again by fresh noise."""

from __future__ import annotations

import torch

from studio.diffusion.samplers.base import Call, Calls, Sampler, slope


class Euler(Sampler):
    """arXiv:2206.00364, algorithm 2 without its second-order correction."""

    def _step(self, x: torch.Tensor, i: int) -> Calls:
        x, sigma = self._churned(x, i)
        x, denoised, _ = yield Call(x, sigma)
        return x + slope(x, sigma, denoised) * (self.sigmas[i + 1] - sigma)


class EulerAncestral(Sampler):
    """DDPM's own way to sample, in steps of any size."""

    def _step(self, x: torch.Tensor, i: int) -> Calls:
        sigma = self.sigmas[i]
        x, denoised, _ = yield Call(x, sigma)
        down, up = self._ancestral(sigma, self.sigmas[i + 1])
        x = x + slope(x, sigma, denoised) * (down - sigma)
        return x + self._noise(x) * up

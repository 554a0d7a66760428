"""DPM-Solver++(2S), ancestral: two calls a step, in the half-logarithm of the signal."""

from __future__ import annotations

import torch

from studio.diffusion.samplers.base import Call, Calls, Sampler, slope


class DpmPlusPlus2SAncestral(Sampler):
    """arXiv:2211.01095, algorithm 1 with r = ½, to a noise level below the wanted one."""

    def _step(self, x: torch.Tensor, i: int) -> Calls:
        sigma = self.sigmas[i]
        down, up = self._ancestral(sigma, self.sigmas[i + 1])
        x, denoised, _ = yield Call(x, sigma)
        if down == 0:
            return x + slope(x, sigma, denoised) * (down - sigma)
        between = (sigma * down).sqrt()
        half_x = towards(x, denoised, between / sigma)
        _, denoised, _ = yield Call(half_x, between)
        return towards(x, denoised, down / sigma) + self._noise(x) * up


def towards(x: torch.Tensor, denoised: torch.Tensor, ratio: torch.Tensor) -> torch.Tensor:
    """Exact for a `denoised` that stays as it is while σ shrinks by `ratio`."""
    return ratio * x + (1 - ratio) * denoised

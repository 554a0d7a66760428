"""DPM-Solver-2 as the field calls it DPM2: the slope halfway (in log σ) is that of the step."""

from __future__ import annotations

import torch

from studio.diffusion.samplers.base import Call, Calls, Sampler, slope


class Dpm2(Sampler):
    """arXiv:2206.00927, algorithm 1 with r = ½, in σ."""

    whole_timesteps = frozenset({"karras"})
    lands_on_points = False

    def _step(self, x: torch.Tensor, i: int) -> Calls:
        x, sigma = self._churned(x, i)
        following = self.sigmas[i + 1]
        between = following.log().lerp(sigma.log(), 0.5).exp()
        return (yield from self._midpoint(x, sigma, between, following))

    def _midpoint(
        self,
        x: torch.Tensor,
        sigma: torch.Tensor,
        between: torch.Tensor,
        following: torch.Tensor,
    ) -> Calls:
        """To `following` with the slope at `between`; straight there where that is the end."""
        x, denoised, _ = yield Call(x, sigma)
        here = slope(x, sigma, denoised)
        if following == 0:
            return x + here * (following - sigma)
        half_x, denoised, _ = yield Call(x + here * (between - sigma), between)
        return x + slope(half_x, between, denoised) * (following - sigma)


class Dpm2Ancestral(Dpm2):
    """The same with fresh noise at each step."""

    def _step(self, x: torch.Tensor, i: int) -> Calls:
        sigma = self.sigmas[i]
        down, up = self._ancestral(sigma, self.sigmas[i + 1])
        between = sigma.log().lerp(down.log(), 0.5).exp()
        x = yield from self._midpoint(x, sigma, between, down)
        return x if up == 0 else x + self._noise(x) * up

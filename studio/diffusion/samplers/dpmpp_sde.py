"""DPM++ SDE: two calls a step, and noise from one path of Brownian motion for each picture, so that
more steps refine the same picture instead of making another."""

from __future__ import annotations

import numpy as np
import torch
from diffusers.schedulers.scheduling_dpmsolver_sde import BrownianTreeNoiseSampler

from studio.diffusion.samplers.base import Call, Calls, Sampler, slope


class DpmPlusPlusSde(Sampler):
    """DPM-Solver++ (arXiv:2211.01095) with r = ½ and noise at both stages, as k-diffusion made it.

    The tree grows on the host and asks there for its numbers.
    """

    lands_on_points = False
    _tree: BrownianTreeNoiseSampler | None = None

    def _set_steps(self, steps: int) -> None:
        super()._set_steps(steps)
        levels = -np.log(self._points(steps)[0])
        halves = np.exp(-(levels[:-1] + np.diff(levels) * 0.5))
        # As diffusers has them: in double precision, so that the same picture comes out.
        self.timesteps[1::2] = torch.from_numpy(self.schedule.timesteps_of(halves))
        self._tree = None

    def _step(self, x: torch.Tensor, i: int) -> Calls:
        sigma, following = self.sigmas[i], self.sigmas[i + 1]
        x, denoised, _ = yield Call(x, sigma)
        if following == 0:
            return x + slope(x, sigma, denoised) * (following - sigma)
        start, end = sigma.log().neg(), following.log().neg()
        half = start + (end - start) * 0.5
        half_x = self._towards(x, denoised, start, half)
        _, denoised, _ = yield Call(half_x, half.neg().exp())
        return self._towards(x, denoised, start, end)

    def _towards(
        self, x: torch.Tensor, denoised: torch.Tensor, start: torch.Tensor, end: torch.Tensor
    ) -> torch.Tensor:
        """From λ `start` to `end`, as if the model's estimate stayed as it is."""
        here, there = start.neg().exp(), end.neg().exp()
        down, up = self._ancestral(here, there)
        lower = down.log().neg()
        x_down = lower.neg().exp() / here * x - (start - lower).expm1() * denoised
        return x_down + self._tree_noise(x, here, there) * up

    def _tree_noise(self, x: torch.Tensor, here: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
        """What the Brownian path adds from one σ to the other, in units of its own spread."""
        if x.dim() == 0:
            return x
        if self._tree is None:
            least, most = self.sigmas[self.sigmas > 0].min(), self.sigmas.max()
            self._tree = BrownianTreeNoiseSampler(x, float(least), float(most), self._seeds)
        return self._tree(here, there) * self._options.s_noise

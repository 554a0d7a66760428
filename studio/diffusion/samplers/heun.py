"""Heun's method, and what is built on it: Heun++ and Restart."""

from __future__ import annotations

import numpy as np
import torch

from studio.diffusion.noise_schedules import karras
from studio.diffusion.samplers.base import Call, Calls, Sampler, slope


class Heun(Sampler):
    """arXiv:2206.00364, algorithm 2: the slope is the mean of those at both ends of a step."""

    def _step(self, x: torch.Tensor, i: int) -> Calls:
        x, sigma = self._churned(x, i)
        return (yield from self._heun(x, sigma, self.sigmas[i + 1]))

    def _heun(self, x: torch.Tensor, sigma: torch.Tensor, following: torch.Tensor) -> Calls:
        x, denoised, _ = yield Call(x, sigma)
        here, width = slope(x, sigma, denoised), following - sigma
        there_x = x + here * width
        if following == 0:
            return there_x
        there_x, denoised, _ = yield Call(there_x, following)
        there = slope(there_x, following, denoised)
        return x + (here + there) / 2 * width


class HeunPlusPlus(Sampler):
    """Heun++ 2: looks two steps ahead, and weighs the slopes there by their share of the first σ,
    so that it is bold early and cautious late."""

    def _step(self, x: torch.Tensor, i: int) -> Calls:
        x, sigma = self._churned(x, i)
        x, denoised, _ = yield Call(x, sigma)
        slopes = [slope(x, sigma, denoised)]
        ahead_x, ahead = x, sigma
        for following in self.sigmas[i + 1 : min(i + 3, len(self.sigmas) - 1)]:
            ahead_x = ahead_x + slopes[-1] * (following - ahead)
            ahead_x, denoised, _ = yield Call(ahead_x, following)
            slopes.append(slope(ahead_x, following, denoised))
            ahead = following
        first = self.sigmas[self._begin_step]
        weights = [self.sigmas[i + k] / (len(slopes) * first) for k in range(1, len(slopes))]
        mean = slopes[0] * (1 - sum(weights))
        for weight, there in zip(weights, slopes[1:], strict=True):
            mean = mean + weight * there
        return x + mean * (self.sigmas[i + 1] - sigma)


class Restart(Heun):
    """Restart sampling (arXiv:2306.14878): near the end some noise is put back, and the last part
    is gone through again, which undoes errors made until then. Then Heun to the end.

    From 20 steps on; below it is Heun. The total of steps is the one asked for.
    """

    AT, BACK_TO = 0.1, 2.0
    """σ at which it turns back, and the σ it goes back to."""

    def _points(self, steps: int) -> tuple[np.ndarray, np.ndarray]:
        again, times = (0, 0) if steps < 20 else (9, 1) if steps < 36 else (steps // 4, 2)
        points, timesteps = self.schedule.points(steps - again * times)
        # σ gone through once; the steps asked for; where the last part begins that is gone again.
        self._once, self._asked, self._last_time = points, steps, 0
        if times == 0:
            return points, timesteps
        turn = int(np.abs(points - self.AT).argmin())
        back = int(np.abs(points - self.BACK_TO).argmin())
        restart = karras(again + 1, points[turn], points[back])
        self._last_time = turn + 1 + len(restart) * (times - 1)
        points = np.concatenate([points[: turn + 1], *[restart] * times, points[turn + 1 :]])
        return points, self.schedule.timesteps_of(points)

    def _begin_after(self, steps: int) -> int:
        """The share of `steps` is left out of the way gone once. Where that ends below the σ it
        would go back to, it does not: more of the picture would change than was asked for."""
        step = steps * len(self._once) // self._asked
        begin = self._once[step]
        if self._last_time and begin < self.sigmas[self._last_time]:
            later = self.sigmas[self._last_time :].numpy() <= begin * (1 + 1e-6)
            step = self._last_time + int(later.argmax())
        return super()._begin_after(step)

    def _step(self, x: torch.Tensor, i: int) -> Calls:
        sigma, following = self.sigmas[i], self.sigmas[i + 1]
        if following > sigma:
            return x + self._noise(x) * (following**2 - sigma**2) ** 0.5
        return (yield from self._heun(x, sigma, following))

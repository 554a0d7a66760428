"""DPM-Solver (arXiv:2206.00927) in single steps of order 1 to 3, and DPM fast made of them.

In λ = −log σ, where the linear part of the equation is solved exactly. What is predicted is the
noise; both ends at the smallest σ of the model, not at 0.
"""

from __future__ import annotations

import math
from collections.abc import Generator

import numpy as np
import torch

from studio.diffusion.samplers.base import Answer, Call, Calls, Sampler, slope

Noise = Generator[Call, Answer, tuple[torch.Tensor, torch.Tensor]]


def noise_at(x: torch.Tensor, level: float) -> Noise:
    """(x, the noise that the model sees in it) at λ = `level`."""
    sigma = torch.tensor(math.exp(-level), dtype=torch.float32)
    x, denoised, _ = yield Call(x, sigma)
    return x, slope(x, sigma, denoised)


def first_order(x: torch.Tensor, start: float, end: float, noise: torch.Tensor) -> torch.Tensor:
    """From λ `start` to `end` along the noise at the start. DDIM."""
    return x - math.exp(-end) * math.expm1(end - start) * noise


def second_order(
    x: torch.Tensor, ends: tuple[float, float], ratio: float, noises: tuple[torch.Tensor, ...]
) -> torch.Tensor:
    """With the noises at the start and at `ratio` of the way (Singlestep DPM-Solver-2)."""
    start, end = ends
    step = math.exp(-end) * math.expm1(end - start)
    return x - step * noises[0] - step / (2 * ratio) * (noises[1] - noises[0])


def third_order(
    x: torch.Tensor, ends: tuple[float, float], noises: tuple[torch.Tensor, ...]
) -> Generator[Call, Answer, torch.Tensor]:
    """With the noises at the start and at a third of the way; asks for that at two thirds
    (algorithm 2 there)."""
    start, end = ends
    width = end - start
    first, change = 2 / 3 * width, noises[1] - noises[0]
    later_x = first_order(x, start, start + first, noises[0])
    curve = 2 * math.exp(-start - first) * (math.expm1(first) / first - 1)
    _, later = yield from noise_at(later_x - curve * change, start + first)
    curve = 3 / 2 * math.exp(-end) * (math.expm1(width) / width - 1)
    return first_order(x, start, end, noises[0]) - curve * (later - noises[0])


def one_third(
    x: torch.Tensor, ends: tuple[float, float], noise: torch.Tensor, ratio: float = 1 / 3
) -> Noise:
    """The noise at `ratio` of the way, reached in first order."""
    start, end = ends
    between = start + ratio * (end - start)
    return (yield from noise_at(first_order(x, start, between, noise), between))


class DpmFast(Sampler):
    """Third-order steps of equal width in λ, and what remains of the calls in a lower order:
    as many U-Net calls as steps are asked for. Its noise schedule is its own."""

    def _points(self, steps: int) -> tuple[np.ndarray, np.ndarray]:
        highest, lowest = self.schedule.sigma_max, self.schedule.sigma_min
        pieces = steps // 3 + 1
        rest = [2, 1] if steps % 3 == 0 else [steps % 3]
        self._orders = [3] * (pieces - len(rest)) + rest
        points = np.exp(np.linspace(math.log(highest), math.log(lowest), pieces + 1))
        return points, self.schedule.timesteps_of(points)

    def _begin_after(self, steps: int) -> int:
        """`steps` are calls here; a step is not begun in its middle, so up to two more are made."""
        return self._begin_at(max(first for first in self._first_calls if first <= steps))

    def _step(self, x: torch.Tensor, i: int) -> Calls:
        if i == len(self._orders):  # from the smallest σ to 0: it ends above
            return x
        sigma, following = self.sigmas[i], self.sigmas[i + 1]
        down, up = self._ancestral(sigma, following, default_eta=0.0)
        lowest = self.sigmas[len(self._orders)]
        if down < lowest:
            down, up = lowest, (following**2 - lowest**2).clamp(min=0) ** 0.5
        ends = (-math.log(sigma), -math.log(down))
        x, noise = yield from noise_at(x, ends[0])
        if self._orders[i] == 1:
            return first_order(x, *ends, noise) + self._noise(x) * up
        if self._orders[i] == 2:
            _, half = yield from one_third(x, ends, noise, ratio=1 / 2)
            return second_order(x, ends, 1 / 2, (noise, half)) + self._noise(x) * up
        _, third = yield from one_third(x, ends, noise)
        x = yield from third_order(x, ends, (noise, third))
        return x + self._noise(x) * up

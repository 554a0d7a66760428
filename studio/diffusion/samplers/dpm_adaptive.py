"""DPM adaptive: DPM-Solver-12/23's big brother, which chooses its steps itself
(arXiv:2206.00927, appendix C). Each step is made in second and in third order; where they differ
too much it is made again, smaller.

Each picture of a batch goes at its own pace, so that it comes out as it would alone. For the same
reason, and because a decision needs a number, this one sampler asks the device for a value at
every step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from diffusers.utils.torch_utils import randn_tensor

from studio.diffusion.samplers.base import Answer, Calls, Sampler
from studio.diffusion.samplers.dpm_solver import noise_at, one_third, second_order, third_order
from studio.diffusion.scheduler import CLEAN, Level

RELATIVE, ABSOLUTE = 0.05, 0.0078
"""Tolerances of the local error: of the value, and 2/255."""
FIRST_WIDTH, LEAST_WIDTH = 0.05, 0.02
"""Of a step, in λ. The least is always accepted: a run ends whatever the model does."""
ACCEPT = 0.81
"""A step is kept if the width that would just have been right is at least this much of it."""


class DpmAdaptive(Sampler):
    """`steps` is only the first guess of how many calls it will take."""

    def _set_steps(self, steps: int) -> None:
        self._asked = steps

    def _begin_after(self, steps: int) -> int:
        """Leaves their share of the way in λ out, as if steps had equal width."""
        start, end = -math.log(self.schedule.sigma_max), -math.log(self.schedule.sigma_min)
        self._ends = (start + (end - start) * steps / self._asked, end)
        self._top = torch.tensor(math.exp(-self._ends[0]), dtype=torch.float32)
        self._guess, self._rows = self._asked - steps, None
        timestep = float(self.schedule.timesteps_of(self._top.numpy()))
        self.timesteps = torch.full((self._guess,), timestep, dtype=torch.float32)
        return 0

    def level(self, index: int) -> Level:
        """Its progress is the share of the way in λ that is behind each picture."""
        if index >= len(self.timesteps):
            return CLEAN
        if self._rows is None:
            return Level(1.0, float(self._top), 0.0)
        start, end = self._ends
        behind = ((-self._levels.log() - start) / (end - start)).clamp(0, 1)
        return Level(1.0, self._levels, behind)

    @property
    def _sigma(self) -> torch.Tensor:
        """() or (B, 1, 1, 1)."""
        return self._top if self._rows is None else self._levels

    def _advance(self, answer: Answer, generators: Sequence[torch.Generator]) -> torch.Tensor:
        if self._rows is None:
            self._begin(answer.x, generators)
        for row in self._rows:
            row.take(Answer(*(rows[row.place] for rows in answer)))
        sigmas = torch.stack([row.sigma for row in self._rows])
        self._levels = sigmas.reshape(-1, 1, 1, 1).to(answer.x.device)
        self._timesteps_taken.append(self.schedule.timesteps_of(sigmas.numpy()))
        self._tell_timesteps()
        return torch.cat([row.x for row in self._rows])

    def _begin(self, x: torch.Tensor, generators: Sequence[torch.Generator]) -> None:
        places = [slice(k, k + 1) for k in range(len(x))]
        self._rows = [
            _Row(self._run_row(x[place], source), place)
            for place, source in zip(places, generators, strict=True)
        ]
        self._timesteps_taken = [self.schedule.timesteps_of(self._top.expand(len(x)).numpy())]

    def _tell_timesteps(self) -> None:
        """`timesteps` (calls, B): those taken, the next, and as many more as seem to be left."""
        taken = self._timesteps_taken
        done = len(taken) - 1
        if all(row.done for row in self._rows):
            self.timesteps = torch.from_numpy(np.stack(taken[:-1]))
            return
        start, end = self._ends
        # The first steps are small whatever the model is, and say nothing of the others.
        way = min((-math.log(row.sigma) - start) / (end - start) for row in self._rows)
        total = max(done + 1, round(done / way) if way > 0.25 else self._guess)
        self.timesteps = torch.from_numpy(np.stack(taken + taken[-1:] * (total - done - 1)))

    def _run_row(self, x: torch.Tensor, generator: torch.Generator) -> Calls:
        """One picture, (1, C, h, w), from beginning to end."""
        level, end = self._ends
        width, before = FIRST_WIDTH, x
        noise = None
        while level < end - 1e-5:
            following = min(end, level + width)
            if noise is None:
                x, noise = yield from noise_at(x, level)
            wanted = torch.tensor([math.exp(-level), math.exp(-following)])
            down, up = self._ancestral(wanted[0], wanted[1], default_eta=0.0)
            down_to = min(end, -math.log(down)) if up > 0 else following
            up = max(math.exp(-2 * following) - math.exp(-2 * down_to), 0) ** 0.5
            _, third = yield from one_third(x, (level, down_to), noise)
            low = second_order(x, (level, down_to), 1 / 3, (noise, third))
            high = yield from third_order(x, (level, down_to), (noise, third))
            allowed = torch.clamp(RELATIVE * torch.maximum(low.abs(), before.abs()), min=ABSOLUTE)
            error = float(((low - high) / allowed).square().mean().sqrt())
            order = 1.5 if up > 0 else 3
            right = 1 + math.atan(max(error, 1e-8) ** (-1 / order) - 1)
            if right >= ACCEPT or width <= LEAST_WIDTH or not math.isfinite(error):
                before, level, noise, x = low, following, None, high
                if up > 0:
                    x = x + up * self._options.s_noise * randn_tensor(
                        x.shape, generator=generator, device=x.device, dtype=x.dtype
                    )
            width = max(width * right, LEAST_WIDTH) if math.isfinite(right) else 1.0
        return x


class _Row:
    """One picture under way. After its end it keeps its x, and answers are wasted on it."""

    def __init__(self, calls: Calls, place: slice) -> None:
        self.place = place
        self.done = False
        self._calls = calls
        self.x, self.sigma = next(calls)

    def take(self, answer: Answer) -> None:
        if self.done:
            return
        try:
            self.x, self.sigma = self._calls.send(answer)
        except StopIteration as end:
            self.x, self.done = end.value, True

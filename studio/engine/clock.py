"""How far a run has come, over all of its stages."""

from __future__ import annotations

import time
from collections.abc import Sequence

from studio.domain.events import Progress
from studio.engine.recipe import Draw, Stage


class Clock:
    """Progress over the passes of all `stages`, and the seconds left. What a step of a pass takes
    is told by those since the first of its stage (which pays for warming up), and for the passes
    to come by their size as well."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        draws = [stage for stage in stages if isinstance(stage, Draw)]
        self._passes = [
            (draw.steps, pass_.size[0] * pass_.size[1]) for draw in draws for pass_ in draw.passes
        ]
        self._number = 0
        self._before, self._cost_before = 0, 0
        self._last = Progress(0, 0, None)
        self._since: tuple[float, float] | None = None
        self._s_each: float | None = None
        self._begun_s: float | None = None

    @property
    def has_begun(self) -> bool:
        return self._begun_s is not None

    @property
    def elapsed_s(self) -> float:
        """Seconds since it has begun."""
        return time.monotonic() - self._begun_s if self.has_begun else 0.0

    def begin(self) -> None:
        """The models are there. Once more does no harm."""
        if self._begun_s is None:
            self._begun_s = time.monotonic()

    def progress(self, step: int, total: int) -> Progress:
        """After `step`, from 1, of `total` U-Net calls of the present pass."""
        steps, area = self._passes[self._number]
        later = [(ahead * total / steps, of) for ahead, of in self._passes[self._number + 1 :]]
        cost = self._cost_before + step * area
        self._measure(cost)
        left = (total - step) * area + sum(calls * of for calls, of in later)
        self._last = Progress(
            self._before + step,
            self._before + total + round(sum(calls for calls, _ in later)),
            None if self._s_each is None else self._s_each * left,
            self._number + 1,
            len(self._passes),
        )
        return self._last

    def _measure(self, cost: float) -> None:
        now_s = time.monotonic()
        if self._since is None:
            self._since = now_s, cost
        else:
            since_s, at = self._since
            self._s_each = (now_s - since_s) / (cost - at)

    def pass_is_over(self) -> None:
        """What follows are the steps of the next one."""
        done = self._last.step - self._before
        self._cost_before += done * self._passes[self._number][1]
        self._before, self._number = self._last.step, self._number + 1

    def stage_is_over(self) -> None:
        """What follows takes as long as it takes."""
        self._since = None

"""How far a run has come, over all of its stages."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from studio.domain.events import Progress
from studio.engine.recipe import Draw, Redraw, Stage


class _Pass(NamedTuple):
    """`steps`, each of which costs `area`. Those that do not `draw` are tiles of a picture that a
    network enlarges, of which there turn out to be more."""

    draws: bool
    steps: int
    area: int


class Clock:
    """Progress over the passes of all `stages`, and the seconds left. What a step of a pass takes
    is told by those since the first of its stage (which pays for warming up), and for the passes
    to come by their size as well; what is of another sort than all before takes nobody knows how
    long, and is left out."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._passes = [each for stage in stages for each in _passes(stage)]
        self._number = 0
        self._before, self._cost_before = 0, 0
        self._last = Progress(0, 0, None)
        self._since: tuple[float, float] | None = None
        self._s_each: dict[bool, float] = {}
        self._calls = 1.0
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
        """After `step`, from 1, of `total` U-Net calls, or tiles, of the present pass."""
        now, later = self._passes[self._number], self._passes[self._number + 1 :]
        if now.draws:
            self._calls = total / now.steps
        cost = self._cost_before + step * now.area
        self._measure(now.draws, cost)
        ahead = [(one, one.steps * (self._calls if one.draws else 1)) for one in later]
        left = [(now, total - step), *ahead]
        known = self._s_each
        left_s = sum(n * one.area * known[one.draws] for one, n in left if one.draws in known)
        self._last = Progress(
            self._before + step,
            self._before + total + round(sum(calls for _, calls in ahead)),
            left_s if now.draws in known else None,
            self._number + 1,
            len(self._passes),
        )
        return self._last

    def _measure(self, draws: bool, cost: float) -> None:
        now_s = time.monotonic()
        if self._since is None:
            self._since = now_s, cost
        else:
            since_s, at = self._since
            if cost > at:
                self._s_each[draws] = (now_s - since_s) / (cost - at)

    def more(self, draw: Draw, count: int) -> None:
        """There turn out to be so many passes of `draw` to come, before those that are known of."""
        self._passes[self._number : self._number] = _passes(draw) * count

    def pass_is_over(self) -> None:
        """What follows are the steps of the next one."""
        done = self._last.step - self._before
        self._cost_before += done * self._passes[self._number].area
        self._before, self._number = self._last.step, self._number + 1

    def stage_is_over(self) -> None:
        """What follows takes as long as it takes."""
        self._since = None


def _passes(stage: Stage) -> list[_Pass]:
    if isinstance(stage, Draw):
        return [_Pass(True, stage.steps, one.size[0] * one.size[1]) for one in stage.passes]
    if isinstance(stage, Redraw):
        return []  # what there is to draw is known once it is found
    return [_Pass(False, 1, 1) for way in stage.ways if way.network]

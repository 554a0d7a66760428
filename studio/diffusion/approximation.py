"""Less work for almost the same picture: what a pass leaves out where it may be approximated, and
what it takes instead. Two functions around the call, as in `guidance`, that remember.

The deep blocks of a U-Net are left out at calls soon after one that had them (`deep_cache`). In the
tail of the run the rows under the negative prompt are left out: where its prediction lies from that
under the prompt hardly changes there any more, so that the last such difference is taken again
(compare Castillo et al. 2023, arXiv:2312.12487, and FasterCache, arXiv:2410.19355).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from studio.diffusion import guidance
from studio.diffusion.conditioning import Text
from studio.diffusion.denoise import Ask, Guided
from studio.diffusion.guidance import Guide
from studio.diffusion.rows import Deep, DeepRows, Rows, Unit

START = 0.3
"""Until this share of the run all is computed: what a picture shows is decided there."""
AGE = 0.1
"""What the deep blocks said may be so old, as a share of the run: of 20 calls every third one has
them, of 30 every fourth, of fewer than 10 all."""
TAIL = 0.7
"""From this share of the run on the negative prompt is left out."""
_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class _Whole:
    """A call with all blocks: its texts and units, and when it was."""

    texts: tuple[tuple[torch.Tensor, int], ...]
    units: tuple[Unit, ...]
    begun: float
    time: float


@dataclass(frozen=True, eq=False)
class _Away:
    """How far the prediction under the first prompt was from that under the negative one,
    (B, C, h, w), at a call of that `time`, for these texts."""

    difference: torch.Tensor
    texts: tuple[Text, ...]
    time: float


class Approximation:
    """Of one pass and its backbone; `has_deep_blocks`: that is a U-Net.

    is_exact  nothing was left out so far
    """

    def __init__(self, has_deep_blocks: bool) -> None:
        self._has_deep_blocks = has_deep_blocks
        self._deep = Deep()
        self._whole: _Whole | None = None
        self._away: _Away | None = None
        self._leaves_negative_out = False
        self.is_exact = True

    def rows(self, ask: Ask, units: Sequence[Unit] = ()) -> Rows:
        """As `guidance.rows`, without what can be left out."""
        self._leaves_negative_out = self._is_away_known(ask)
        if self._leaves_negative_out:
            self.is_exact = False
            ask = replace(ask, conditioning=replace(ask.conditioning, negative=None))
        rows = guidance.rows(ask, units)
        if not self._has_deep_blocks or ask.time is None:
            return rows
        rows = replace(rows, deep=(DeepRows(0, len(rows), self._deep),))
        if not self._is_known(rows, ask):
            self._whole = _Whole(rows.texts, rows.units, ask.begun, ask.time)
            return rows
        self.is_exact = False
        steady = tuple(unit for unit in rows.units if unit.is_steady)
        return replace(rows, units=steady, is_shallow=True)

    def mix(self, ask: Ask, predicted: torch.Tensor, guide: Guide) -> torch.Tensor | Guided:
        """As `guidance.mix`, from the predictions of the `rows` of this `ask`."""
        count, negative = len(ask.sample), ask.conditioning.negative
        if self._leaves_negative_out:
            predicted = torch.cat([predicted[:count] - self._away.difference, predicted])
        elif negative is not None and ask.time is not None:
            difference = predicted[count : 2 * count] - predicted[:count]
            self._away = _Away(difference, _texts(ask), ask.time)
        return guidance.mix(ask, predicted, guide)

    def _is_away_known(self, ask: Ask) -> bool:
        away = self._away
        if away is None or ask.conditioning.negative is None or ask.begun < TAIL - _ROUNDING:
            return False
        if ask.time is None or ask.time > away.time:  # back to where there is more noise
            return False
        pairs = zip(away.texts, _texts(ask), strict=True)
        return all(text is now for text, now in pairs)

    def _is_known(self, rows: Rows, ask: Ask) -> bool:
        """Whether what the deep blocks say is known well enough from the last whole call."""
        whole = self._whole
        return (
            whole is not None
            and ask.begun >= START - _ROUNDING
            and ask.begun - whole.begun <= AGE + _ROUNDING
            and ask.time <= whole.time
            and rows.units == whole.units
            and rows.reads(whole.texts)
        )


def _texts(ask: Ask) -> tuple[Text, ...]:
    """All that are asked for, the negative one first."""
    conditioning = ask.conditioning
    return tuple(prompt.at(ask.begun) for prompt in (conditioning.negative, *conditioning.prompts))

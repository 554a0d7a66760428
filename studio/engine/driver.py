"""Answers what runs ask for: one call of a backbone for all that can share it.

Rows share a call where the backbone, the size of the latents, the length of the texts and the
ControlNets are the same (`Rows.kind`), up to as many as have fitted into memory so far.
"""

from __future__ import annotations

import logging
import traceback
import weakref
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import torch

from studio.diffusion import shared_call
from studio.diffusion.interruption import Interrupted, interrupted_when
from studio.domain.errors import is_out_of_memory
from studio.engine.run import Apart, Predict, StableDiffusionRun
from studio.residence import memory

log = logging.getLogger(__name__)

_MARGIN = 1.5
"""What is free must be so many times what a call takes: a VAE's turn comes, too."""

Answers = Iterator[tuple[StableDiffusionRun, Any]]
"""Runs with what they are sent, or with the exception that it was."""


class Driver:
    """For one `device`. It remembers how many rows were too many, and on a GPU what one takes."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._most_rows: dict[Hashable, int] = {}
        self._row_bytes: dict[Hashable, float] = {}
        self._last = weakref.WeakKeyDictionary[StableDiffusionRun, tuple[Hashable, int]]()

    def has_room(self, rows: int, runs: Sequence[StableDiffusionRun]) -> bool:
        """Whether a call for `runs` can have so many `rows` more, as far as calls have been
        measured: not where there was none yet."""
        last = [self._last.get(run) for run in runs]
        if None in last:
            return False
        size, total = last[0][0], rows + sum(count for _, count in last)
        if size not in self._row_bytes or total > self._most_rows.get(size, total):
            return False
        needed = _MARGIN * total * self._row_bytes[size]
        return needed <= memory.free_device_bytes(self._device)

    def answers(self, runs: Sequence[StableDiffusionRun]) -> Answers:
        """What `runs`, each of which asks for something, are sent: one unit of work for each."""
        groups: dict[Hashable, list[StableDiffusionRun]] = {}
        for run in runs:
            if isinstance(run.ask, Apart):
                yield run, _done(run)
            elif run.cancelled:
                yield run, None
            else:
                self._last[run] = _size(run.ask), len(run.ask.rows)
                key = id(run.ask.backbone), run.ask.rows.kind
                groups.setdefault(key, []).append(run)
        for group in groups.values():
            yield from self._predicted(group)

    def _predicted(self, group: Sequence[StableDiffusionRun]) -> Answers:
        rest = list(group)
        while rest:
            together = self._as_many_as_fit(rest)
            failed = None
            try:
                predictions = self._measured(together)
            except Exception as error:
                failed = _emptied(error)
            if failed and len(together) > 1 and is_out_of_memory(failed):
                self._halve(together)
                continue
            del rest[: len(together)]
            if failed is None:
                for run, predicted in zip(together, predictions, strict=True):
                    yield run, None if run.cancelled else predicted
            elif len(together) == 1:
                yield together[0], failed
            else:  # whose fault it is shows when each is called by itself
                log.warning("a shared call failed (%s): one after the other", failed)
                for run in together:
                    yield from self._predicted([run])

    def _measured(self, runs: Sequence[StableDiffusionRun]) -> Sequence[torch.Tensor | None]:
        if self._device.type != "cuda":
            return _call(runs)
        before = torch.cuda.memory_allocated(self._device)
        torch.cuda.reset_peak_memory_stats(self._device)
        predictions = _call(runs)
        taken = torch.cuda.max_memory_allocated(self._device) - before
        rows = sum(len(run.ask.rows) for run in runs)
        size = _size(runs[0].ask)
        self._row_bytes[size] = max(taken / rows, self._row_bytes.get(size, 0.0))
        return predictions

    def _as_many_as_fit(self, runs: Sequence[StableDiffusionRun]) -> list[StableDiffusionRun]:
        """The first of `runs`, at least one."""
        most, total, fitting = self._most_rows.get(_size(runs[0].ask)), 0, []
        for run in runs:
            total += len(run.ask.rows)
            if fitting and most is not None and total > most:
                break
            fitting.append(run)
        return fitting

    def _halve(self, runs: Sequence[StableDiffusionRun]) -> None:
        rows = sum(len(run.ask.rows) for run in runs)
        self._most_rows[_size(runs[0].ask)] = rows // 2
        log.warning("%d rows are too many for %s: half of them at once", rows, self._device)
        memory.give_back(self._device)


def _size(ask: Predict) -> Hashable:
    return ask.rows.sample.shape[1:], ask.rows.prompt_embeds.shape[1:], len(ask.rows.units)


def _call(runs: Sequence[StableDiffusionRun]) -> Sequence[torch.Tensor | None]:
    """Interrupted once nobody waits for any of it; None for all of them then."""
    asks = [run.ask for run in runs]
    try:
        with interrupted_when(lambda: all(run.cancelled for run in runs)):
            return shared_call.predict(asks[0].predictor, [ask.rows for ask in asks])
    except Interrupted:
        return [None] * len(runs)


def _done(run: StableDiffusionRun) -> Any:
    try:
        with interrupted_when(lambda: run.cancelled):
            return run.ask.do()
    except Exception as error:
        return _emptied(error)


def _emptied(error: Exception) -> Exception:
    """Without what the frames that it left still hold: the memory that there was not enough of."""
    traceback.clear_frames(error.__traceback__)
    return error

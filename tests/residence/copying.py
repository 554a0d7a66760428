"""Copies on a CPU that come as late as they may, as those of a GPU can, and that see whether
everything is waited for that must be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch


@dataclass(eq=False)
class _Copy:
    """Asked for when so many groups had computed; `pairs` until it is done."""

    asked_at: int
    pairs: list[tuple[torch.Tensor, torch.Tensor]] = field(default_factory=list)


class LateCopies:
    """`residence.copies.Copies`. Until it is waited for, there are no numbers in its place.

    begun     how many were asked for
    foreseen  how many of those that were waited for were asked for before the group before had
              computed, so that there was time for them
    fails_at  the number of the copy, from 0, that runs out of memory
    """

    def __init__(self) -> None:
        self.begun = self.foreseen = self.waited_for = 0
        self.fails_at: int | None = None
        self._computed = 0
        self._used_at: dict[int, int] = {}
        self._waiting: list[_Copy] = []

    @property
    def under_way(self) -> int:
        return len(self._waiting)

    def now(self) -> int:
        self._computed += 1
        return self._computed

    def begin(self, pairs: Iterable[tuple[torch.Tensor, torch.Tensor]], after: int | None) -> _Copy:
        if self.begun == self.fails_at:
            raise torch.OutOfMemoryError("CUDA out of memory")
        copy = _Copy(self._computed, list(pairs))
        for place, tensor in copy.pairs:
            assert place.stride() == tensor.stride()
            used_at = self._used_at.get(place.untyped_storage().data_ptr(), 0)
            assert (after or 0) > used_at or not used_at, "it is still computed with"
            place.fill_(float("nan"))
        self.begun += 1
        self._waiting.append(copy)
        return copy

    def wait(self, there: _Copy | None) -> None:
        if there is None:
            return
        for place, _ in there.pairs:
            self._used_at[place.untyped_storage().data_ptr()] = self._computed
        if there in self._waiting:  # it and all that were asked for before
            self.waited_for += 1
            self.foreseen += there.asked_at < self._computed
            done = self._waiting[: self._waiting.index(there) + 1]
            self._waiting = self._waiting[len(done) :]
            with torch.inference_mode():
                for place, tensor in (pair for copy in done for pair in copy.pairs):
                    place.copy_(tensor)

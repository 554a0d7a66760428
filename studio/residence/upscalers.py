"""Networks that enlarge pictures: small beside a checkpoint, kept in memory while there is room."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

import torch

from studio.domain.refs import ModelRef
from studio.residence.cache import key_of
from studio.weights.upscaler import Upscaler, read_upscaler

_MOST = 4
"""So many stay, the least recently used given up first."""


class Upscalers:
    """Those on `device`. `make_room(ref)` is asked before one is read, and raises
    `OutOfMemory` where there is too little."""

    def __init__(self, device: torch.device, make_room: Callable[[ModelRef], None]) -> None:
        self._device, self._make_room = device, make_room
        self._held: OrderedDict[Hashable, Upscaler] = OrderedDict()
        self._lent: Counter[Hashable] = Counter()

    def has(self, ref: ModelRef) -> bool:
        return key_of(ref) in self._held

    @contextmanager
    def lend(self, ref: ModelRef) -> Iterator[Upscaler]:
        """The network of `ref`, which stays until the end of the block. Raises as `read_upscaler`
        does."""
        key = key_of(ref)
        if key not in self._held:
            self._make_room(ref)
            self._held[key] = read_upscaler(ref, self._device)
        self._held.move_to_end(key)
        self._lent[key] += 1
        try:
            yield self._held[key]
        finally:
            self._lent[key] -= 1
            self._give_up(len(self._held) - _MOST)

    @property
    def idle_bytes(self) -> int:
        """Of those that are not lent."""
        return sum(held.size_bytes for key, held in self._held.items() if not self._lent[key])

    def clear(self) -> None:
        """Give up those that are not lent."""
        self._give_up(len(self._held))

    def _give_up(self, count: int) -> None:
        idle = [key for key in self._held if not self._lent[key]]
        for key in idle[: max(count, 0)]:
            del self._held[key]

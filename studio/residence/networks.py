"""Networks that are lent by themselves, as those that enlarge pictures or caption them: small
beside a checkpoint, kept in memory while there is room."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, Protocol, TypeVar

import torch

from studio.domain.refs import ModelRef
from studio.residence.cache import key_of
from studio.residence.device import itemsize
from studio.residence.memory import give_back
from studio.weights.upscaler import Upscaler, read_upscaler

_MOST = 4
"""So many stay, the least recently used given up first."""


class Network(Protocol):
    """`size_bytes`: of its weights."""

    @property
    def size_bytes(self) -> int: ...


Kind = TypeVar("Kind", bound=Network)


@dataclass(frozen=True)
class Wanted(Generic[Kind]):
    """key         tells it from all others
    name        what messages call it
    size_bytes  what it will take on the device, about
    read        reads it onto one
    """

    key: Hashable
    name: str = field(compare=False)
    size_bytes: int = field(compare=False)
    read: Callable[[torch.device], Kind] = field(compare=False)


def upscaler(ref: ModelRef) -> Wanted[Upscaler]:
    """The network of `ref`, which enlarges; it is read as `read_upscaler` does."""
    size_bytes = ref.file.size_bytes * torch.float32.itemsize // itemsize(ref.facts.dtype)
    return Wanted(key_of(ref), ref.name, size_bytes, partial(read_upscaler, ref))


class Networks:
    """Those on `device`. `make_room(name, bytes)` is asked before one is read, and raises
    `OutOfMemory` where there is too little."""

    def __init__(self, device: torch.device, make_room: Callable[[str, int], None]) -> None:
        self._device, self._make_room = device, make_room
        self._held: OrderedDict[Hashable, Network] = OrderedDict()
        self._lent: Counter[Hashable] = Counter()

    def has(self, wanted: Wanted) -> bool:
        return wanted.key in self._held

    @contextmanager
    def lend(self, wanted: Wanted[Kind]) -> Iterator[Kind]:
        """It stays until the end of the block. Raises as its `read` does, and `OutOfMemory`."""
        key = wanted.key
        if key not in self._held:
            self._make_room(wanted.name, wanted.size_bytes)
            self._held[key] = wanted.read(self._device)
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

    def give_up(self, wanted: Wanted) -> None:
        """It is not wanted again soon, and its memory is returned unless others hold it."""
        if self.has(wanted) and not self._lent[wanted.key]:
            del self._held[wanted.key]
            give_back(self._device)

    def clear(self) -> None:
        """Give up those that are not lent."""
        self._give_up(len(self._held))

    def _give_up(self, count: int) -> None:
        idle = [key for key in self._held if not self._lent[key]]
        for key in idle[: max(count, 0)]:
            del self._held[key]

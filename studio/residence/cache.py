"""What was read stays in host memory, the least recently used given up first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Iterator

from studio.domain.refs import ModelRef
from studio.weights.loader import Weights


def key_of(ref: ModelRef) -> Hashable:
    """Another one as soon as the file is another."""
    return ref.file.path, ref.file.size_bytes, ref.file.modified_ns


class WeightCache:
    """Weights by key, up to a budget in bytes that is asked for anew each time.

    `budget()` is how much may be held in all; `dropped(weights)` is told of each that goes, so
    that nobody keeps it alive.
    """

    def __init__(self, budget: Callable[[], int], dropped: Callable[[Weights], None]) -> None:
        self._budget, self._dropped = budget, dropped
        self._held: OrderedDict[Hashable, Weights] = OrderedDict()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._held

    def __iter__(self) -> Iterator[Weights]:
        """The least recently used first."""
        return iter(tuple(self._held.values()))

    @property
    def size_bytes(self) -> int:
        return sum(weights.size_bytes for weights in self)

    def size_of(self, keys: Collection[Hashable]) -> int:
        """Bytes of those of `keys` that are held."""
        return sum(self._held[key].size_bytes for key in keys if key in self._held)

    def get(self, key: Hashable) -> Weights:
        """Raises KeyError if it is not held."""
        self._held.move_to_end(key)
        return self._held[key]

    def make_room(self, size_bytes: int, keep: Collection[Hashable] = ()) -> bool:
        """Give up the least recently used, but none of `keep`, until `size_bytes` more fit: do
        they?"""
        for key in [key for key in self._held if key not in keep]:
            if self._fits(size_bytes):
                return True
            self.drop(key)
        return self._fits(size_bytes)

    def add(self, key: Hashable, weights: Weights) -> None:
        self._held[key] = weights

    def drop(self, key: Hashable) -> None:
        self._dropped(self._held.pop(key))

    def clear(self, keep: Collection[Hashable] = ()) -> None:
        """Give up all but `keep`."""
        for key in [key for key in self._held if key not in keep]:
            self.drop(key)

    def _fits(self, size_bytes: int) -> bool:
        return self.size_bytes + size_bytes <= self._budget()

"""How much memory some work takes on a device: its peak, not what is left of it afterwards."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Meter:
    """Counts what is allocated on `device` within `counting`, over all of them together."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._live = _Live() if device.type != "cuda" else None
        self._before: int | None = None
        self._peak = 0

    @contextmanager
    def counting(self) -> Iterator[None]:
        if self._live is not None:
            with self._live:
                yield
            return
        torch.cuda.reset_peak_memory_stats(self._device)
        if self._before is None:
            self._before = torch.cuda.memory_allocated(self._device)
        try:
            yield
        finally:
            self._peak = max(self._peak, torch.cuda.max_memory_allocated(self._device))

    def take(self) -> int:
        """The most bytes that were in use at once since the last `take`, beside what there was
        before the first `counting`."""
        if self._live is not None:
            return self._live.take()
        peak, self._peak = self._peak - (self._before or 0), 0
        return max(peak, 0)


class _Live(TorchDispatchMode):
    """For devices whose allocator tells nothing: the tensors that operations make, for as long as
    they live. What a kernel uses within itself does not show."""

    def __init__(self) -> None:
        super().__init__()
        self._ends: dict[int, weakref.finalize] = {}
        self._bytes = self._peak = 0

    def take(self) -> int:
        peak, self._peak = self._peak, self._bytes
        return peak

    def __torch_dispatch__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        made = func(*args, **kwargs)
        given = {storage._cdata for storage in _storages((args, kwargs))}
        for storage in _storages(made):
            key = storage._cdata
            if key not in given and key not in self._ends:
                size_bytes = storage.nbytes()
                self._ends[key] = weakref.finalize(storage, self._end, key, size_bytes)
                self._bytes += size_bytes
                self._peak = max(self._peak, self._bytes)
        return made

    def _end(self, key: int, size_bytes: int) -> None:
        del self._ends[key]
        self._bytes -= size_bytes


def _storages(tree: Any) -> Iterator[torch.UntypedStorage]:
    leaves = (leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor))
    return (leaf.untyped_storage() for leaf in leaves)

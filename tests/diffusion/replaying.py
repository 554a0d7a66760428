"""Recordings on a CPU that are what CUDA graphs are on a GPU: the operations of a call are written
down with the memory that each reads and writes, and done again there, without the Python between
them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from studio.diffusion.execution import Answer
from studio.diffusion.graphs import Recording


class TapeRecorder:
    """A `diffusion.graphs.Recorder`. `recorded` and `replayed`: how often."""

    def __init__(self) -> None:
        self.recorded = self.replayed = 0

    def __call__(self, work: Callable[[], Answer]) -> Recording:
        self.recorded += 1
        tape = _Tape()
        with tape:
            answer = work()

        def replay() -> None:
            self.replayed += 1
            tape.play()

        return Recording(replay, answer)


class _Tape(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self._steps: list[tuple[Callable, Any, Any, Any]] = []

    def play(self) -> None:
        for func, args, kwargs, made in self._steps:
            again = func(*args, **kwargs)
            for old, new in zip(tree_leaves(made), tree_leaves(again), strict=True):
                if isinstance(old, torch.Tensor) and old.data_ptr() != new.data_ptr():
                    old.copy_(new)

    def __torch_dispatch__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        # The memory, and not the tensor: a parameter may be given other memory.
        self._steps.append(tuple(map(_memory, (func, args, kwargs or {}, made))))
        return made


def _memory(tree: Any) -> Any:
    return tree_map_only(torch.Tensor, torch.Tensor.detach, tree)

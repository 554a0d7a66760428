"""Calls of a backbone, recorded once for each kind and replayed: a CUDA graph is launched as one,
where its operations would be launched one by one.

A recording reads the weights where they lay. What is exchanged in place (`residence.slot`) is
therefore seen by it; where a weight lies elsewhere now, all recordings of its module are dropped.
"""

from __future__ import annotations

import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Protocol
from weakref import WeakKeyDictionary, WeakSet

import torch
from torch import nn

from studio.diffusion.execution import (
    Answer,
    Call,
    Eager,
    Execution,
    Inside,
    Tensors,
    shape_of,
)
from studio.diffusion.interruption import interrupted_when
from studio.domain.errors import is_out_of_memory

log = logging.getLogger(__name__)

FIRST = 3
"""The call of a kind that is recorded: before it kernels choose how they work, and who foretells
memory makes two."""

_MOST = 8
"""Kinds of calls recorded of one module, the least recently used given up first: each keeps its
inputs and its answer, and all of them together what the largest works with. A run that is
approximated makes four."""

Work = Callable[[], Answer]

Kind = Hashable
"""A call, and the shapes of what it is given."""


@dataclass(frozen=True, eq=False)
class Recording:
    """`replay` does it again, on what is in its inputs then; what comes of it lies in `answer`."""

    replay: Callable[[], None]
    answer: Answer


class Recorder(Protocol):
    def __call__(self, work: Work) -> Recording:
        """`work`, whose inputs and weights stay where they are. Raises what `work` does, and where
        that cannot be recorded."""
        ...


class CudaRecorder:
    """CUDA graphs on `device`. All of them share their memory, since they are replayed one after
    the other and nobody holds what one has made but for its answer."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._living: WeakSet[torch.cuda.CUDAGraph] = WeakSet()

    def __call__(self, work: Work) -> Recording:
        with torch.cuda.device(self._device):
            beside, current = torch.cuda.Stream(), torch.cuda.current_stream()
            beside.wait_stream(current)
            with torch.cuda.stream(beside):  # libraries set up what they need, outside the graph
                work()
            current.wait_stream(beside)
            graph, other = torch.cuda.CUDAGraph(), next(iter(self._living), None)
            pool = other.pool() if other is not None else None
            # Other threads may ask for memory meanwhile: to them it is no error.
            with torch.cuda.graph(graph, pool, capture_error_mode="thread_local"):
                answer = work()
        self._living.add(graph)
        return Recording(graph.replay, answer)


class Graphs:
    """An `Execution`: what `within` does, recorded by `record` once it has settled."""

    def __init__(self, record: Recorder, within: Execution | None = None) -> None:
        self._record, self._within = record, within or Eager()
        self.alters = self._within.alters
        self._kept: WeakKeyDictionary[nn.Module, _Kept] = WeakKeyDictionary()

    def __call__(self, backbone: nn.Module, call: Call, given: Tensors, as_it_is: Work) -> Answer:
        kept = self._kept_of(backbone)
        if kept.inside.is_plain():
            recorded = kept.recorded(_kind(call, given))
            if recorded is None and self._is_time(kept, backbone, call, given):
                recorded = self._recorded(kept, backbone, call, given)
            if recorded is not None:
                return recorded.replayed(given)
        return self._within(backbone, call, given, as_it_is)

    def is_settled(self, backbone: nn.Module, call: Call, given: Tensors) -> bool:
        return _kind(call, given) in self._kept_of(backbone).kinds

    def forget(self) -> None:
        self._kept.clear()
        self._within.forget()

    def _is_time(self, kept: _Kept, backbone: nn.Module, call: Call, given: Tensors) -> bool:
        if not self._within.is_settled(backbone, call, given):
            return False
        kind = _kind(call, given)
        kept.calls[kind] += 1
        return kept.calls[kind] >= FIRST and kind not in kept.refused

    def _recorded(
        self, kept: _Kept, backbone: nn.Module, call: Call, given: Tensors
    ) -> _Recorded | None:
        """None where it cannot be."""
        own = {name: tensor.clone() for name, tensor in given.items()}

        def work() -> Answer:
            return self._within(backbone, call, own, lambda: call(backbone, own))

        try:
            with interrupted_when(lambda: False):  # half a graph is none
                recording = self._record(work)
        except Exception as error:
            kept.refused.add(_kind(call, given))
            if is_out_of_memory(error):
                self.forget()
            log.warning("cuda-graphs: %s. Pictures of this size are drawn without.", error)
            return None
        return kept.keep(_kind(call, given), _Recorded(own, recording))

    def _kept_of(self, backbone: nn.Module) -> _Kept:
        kept = self._kept.get(backbone)
        if kept is None or kept.has_moved():
            kept = self._kept[backbone] = _Kept(backbone)
        return kept


def _kind(call: Call, given: Tensors) -> Kind:
    return call, shape_of(given)


@dataclass(frozen=True, eq=False)
class _Recorded:
    """`recording` reads what lies in `given`."""

    given: Tensors
    recording: Recording

    def replayed(self, given: Tensors) -> Answer:
        for name, tensor in given.items():
            self.given[name].copy_(tensor)
        self.recording.replay()
        return tuple(each.clone() for each in self.recording.answer)


class _Kept:
    """What is recorded of `backbone`, whose weights lie where they did when this was made.

    calls    how often a kind was asked for that is not recorded
    refused  the kinds that cannot be
    """

    def __init__(self, backbone: nn.Module) -> None:
        self.inside = Inside(backbone)
        self.calls: Counter[Kind] = Counter()
        self.refused: set[Kind] = set()
        self._places = [*backbone.parameters(), *backbone.buffers()]
        self._lay = self._where()
        self._recorded: OrderedDict[Kind, _Recorded] = OrderedDict()

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Those recorded, the least recently used first."""
        return tuple(self._recorded)

    def has_moved(self) -> bool:
        return self._where() != self._lay

    def recorded(self, kind: Kind) -> _Recorded | None:
        if kind in self._recorded:
            self._recorded.move_to_end(kind)
        return self._recorded.get(kind)

    def keep(self, kind: Kind, recorded: _Recorded) -> _Recorded:
        self._recorded[kind] = recorded
        while len(self._recorded) > _MOST:
            given_up, _ = self._recorded.popitem(last=False)
            del self.calls[given_up]
        return recorded

    def _where(self) -> list[int]:
        return [place.data_ptr() for place in self._places]

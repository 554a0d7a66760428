"""A backbone that is larger than its place on the device: the weights that have no place there stay
in host memory, and come group by group, copied while the groups before them compute.

A group is a block that repeats, or a layer by itself. Its weights lie in one of a few buffers from
when they are copied until it has computed. Which group is next is known from the call before; one
that nobody foresaw is waited for. The host waits for nothing: see `copies`.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import nn

from studio.residence.copies import Copies, Mark

BUFFERS = 3
"""One at work, one ready, one being filled."""

_SMALL = 2**18
"""Groups of fewer bytes, norms for example, always stay: each copy takes some microseconds."""
_ALIGNED = 256
"""Weights begin at multiples of so many bytes, as the device's own memory does."""


@dataclass(eq=False)
class _Group:
    """Weights that come and go together: by their names in the backbone, in the order of its tree.

    stays   on the device all the time
    """

    places: dict[str, torch.Tensor]
    stays: bool = False


@dataclass(eq=False)
class _Buffer:
    """Memory on the device, which may be written from `free` on. `group`: whose weights are in it
    once `there` is reached; None: nobody's."""

    memory: torch.Tensor
    free: Mark
    group: _Group | None = None
    there: Mark = None
    views: dict[str, torch.Tensor] = field(default_factory=dict)


class Streaming:
    """That of the weights of `module`, to `device`. Between `begin` and `end` it can be called."""

    def __init__(self, module: nn.Module, device: torch.device, copies: Copies) -> None:
        self._device, self._copies = device, copies
        self._groups = list(_groups(module))
        self._host: dict[str, torch.Tensor] = {}
        self._buffers: list[_Buffer] = []
        self._at_work: _Buffer | None = None
        self._follows: dict[_Group, _Group] = {}
        self._last: _Group | None = None
        self.size_bytes = 0
        given_back = weakref.finalize(self, _give_back, self._buffers, copies)
        given_back.atexit = False
        for group, caller in self._groups:
            if caller is not None:
                _hook(caller, group, self)

    def begin(self, weights: Mapping[str, torch.Tensor], room_bytes: int) -> None:
        """Get ready for `weights` (by name, of which only the sizes count) with about `room_bytes`
        on the device. Raises what `is_out_of_memory` knows where even the least does not fit."""
        self.end()
        groups = [group for group, _ in self._groups]
        sizes = [_size(weights[name] for name in group.places) for group in groups]
        movable = [
            size if caller is not None and size >= _SMALL else 0
            for size, (_, caller) in zip(sizes, self._groups, strict=True)
        ]
        largest, fixed = max(movable), sum(sizes) - sum(movable)
        if room_bytes >= sum(sizes):
            stay = [True] * len(groups)
        else:
            stay = spread(movable, room_bytes - fixed - BUFFERS * largest)
        for group, stays in zip(groups, stay, strict=True):
            group.stays = stays
        if not all(stay):
            now = self._copies.now()
            memory = (self._bytes(largest) for _ in range(BUFFERS))
            self._buffers += [_Buffer(each, now) for each in memory]
        stays = sum(size for size, is_kept in zip(sizes, stay, strict=True) if is_kept)
        self.size_bytes = stays + sum(buffer.memory.nbytes for buffer in self._buffers)
        self._host = {n: weights[n] for g in groups if not g.stays for n in g.places}

    def takes(self, name: str) -> bool:
        """Whether the weight of this name comes and goes."""
        return name in self._host

    def put(self, name: str, tensor: torch.Tensor) -> None:
        """From the next call on the weight is `tensor`, in host memory."""
        self._leave()
        self._host[name] = tensor
        for buffer in self._buffers:
            if buffer.group and name in buffer.group.places:
                buffer.group = None
        group = next(group for group, _ in self._groups if name in group.places)
        group.places[name].data = tensor

    def end(self) -> None:
        """Give the device's memory back."""
        self._leave()
        _give_back(self._buffers, self._copies)
        self._host, self._last, self.size_bytes = {}, None, 0
        self._follows.clear()

    def enter(self, group: _Group) -> None:
        """Before it computes."""
        if group.stays:
            return
        self._leave()
        buffer = self._holding(group) or self._fill(self._worst(), group)
        self._copies.wait(buffer.there)
        for name, place in group.places.items():
            place.data = buffer.views[name]
        self._at_work = buffer
        if self._last is not None:
            self._follows[self._last] = group
        self._last = group

    def leave(self, group: _Group) -> None:
        """After it has computed, or is asked to."""
        if group.stays:
            return
        self._leave()
        coming = self._coming(group)
        for buffer in self._buffers:
            if buffer.group not in coming:
                buffer.group = None
        spare = [buffer for buffer in self._buffers if buffer.group is None]
        missing = [each for each in coming if self._holding(each) is None]
        for buffer, each in zip(spare, missing, strict=False):
            self._fill(buffer, each)

    def _leave(self) -> None:
        """What was at work is so no more, a call that was interrupted in it included."""
        buffer, self._at_work = self._at_work, None
        if buffer is not None:
            for name, place in buffer.group.places.items():
                place.data = self._host[name]
            buffer.free, buffer.group = self._copies.now(), None

    def _coming(self, group: _Group) -> list[_Group]:
        """Those that are expected after it, one for each buffer, the next one first."""
        coming: list[_Group] = []
        while len(coming) < BUFFERS:
            group = self._follows.get(group)
            if group is None or group in coming:
                break
            coming.append(group)
        return coming

    def _holding(self, group: _Group) -> _Buffer | None:
        return next((buffer for buffer in self._buffers if buffer.group is group), None)

    def _worst(self) -> _Buffer:
        """Nobody's, or that of whom is expected last."""
        last = self._buffers[-1]
        return next((buffer for buffer in self._buffers if buffer.group is None), last)

    def _fill(self, buffer: _Buffer, group: _Group) -> _Buffer:
        buffer.group, at = None, 0
        buffer.views = {}
        for name in group.places:
            tensor = self._host[name]
            whole = buffer.memory[at : at + tensor.nbytes].view(tensor.dtype)
            buffer.views[name] = whole.as_strided(tensor.size(), tensor.stride())
            at += _aligned(tensor.nbytes)
        pairs = [(buffer.views[name], self._host[name]) for name in group.places]
        buffer.there = self._copies.begin(pairs, buffer.free)
        buffer.group = group
        return buffer

    def _bytes(self, count: int) -> torch.Tensor:
        return torch.empty(count, dtype=torch.uint8, device=self._device)


def _give_back(buffers: list[_Buffer], copies: Copies) -> None:
    """Who gets their memory next computes after what is still copied to it."""
    for buffer in buffers:
        copies.wait(buffer.there)
    buffers.clear()


def spread(sizes: Sequence[int], room: int) -> list[bool]:
    """Which of groups of these sizes, in bytes, stay where there is `room` for some: evenly, so
    that while those compute that stay the others have time to come. Those of no size always do."""
    share, due, kept, stay = max(0.0, room / max(1, sum(sizes))), 0.0, 0, []
    for size in sizes:
        due += size * share
        stays = kept + size <= due or size == 0
        kept += size * stays
        stay.append(stays)
    return stay


def _groups(module: nn.Module) -> Iterator[tuple[_Group, nn.Module | None]]:
    """Each with the module whose call needs it; None for weights of modules that hold others, which
    are always needed."""
    repeated = getattr(module, "_repeated_blocks", None) or ()
    waiting = [("", module)]
    while waiting:
        prefix, each = waiting.pop()
        children = list(each.named_children())
        is_whole = type(each).__name__ in repeated or not children
        places = dict(each.named_parameters(recurse=is_whole))
        if places:
            named = {prefix + name: place for name, place in places.items()}
            yield _Group(named), each if is_whole else None
        if not is_whole:
            waiting += [(f"{prefix}{name}.", child) for name, child in reversed(children)]


def _hook(caller: nn.Module, group: _Group, streaming: Streaming) -> None:
    """What computes does not keep alive what lends it the weights."""
    lender = weakref.ref(streaming)

    def before(*_: object) -> None:
        if (found := lender()) is not None:
            found.enter(group)

    def after(*_: object) -> None:
        if (found := lender()) is not None:
            found.leave(group)

    caller.register_forward_pre_hook(before)
    caller.register_forward_hook(after)


def _size(tensors: Iterator[torch.Tensor]) -> int:
    return sum(_aligned(tensor.nbytes) for tensor in tensors)


def _aligned(count: int) -> int:
    return -(-count // _ALIGNED) * _ALIGNED

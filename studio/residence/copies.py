"""Copies from host memory to a device, beside what computes there.

Computing and copying are two orders of work, each done one after the other. They wait for each
other only at marks, and whoever asks for work waits for neither.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import torch

Mark = Any
"""A place in an order of work; None: it lies behind."""


class Copies(Protocol):
    """For the device's one thread."""

    def now(self) -> Mark:
        """Reached once all that was asked to compute so far is done."""
        ...

    def begin(self, pairs: Iterable[tuple[torch.Tensor, torch.Tensor]], after: Mark) -> Mark:
        """Copy, not before `after` is reached, to each (place on the device, tensor in host
        memory), laid out alike. What it gives is reached once all of it is there."""
        ...

    def wait(self, there: Mark) -> None:
        """What is asked to compute from now on does not begin before `there` is reached."""
        ...


class AtOnce:
    """For a device with one order of work."""

    def now(self) -> Mark:
        return None

    def begin(self, pairs: Iterable[tuple[torch.Tensor, torch.Tensor]], after: Mark) -> Mark:
        for place, tensor in pairs:
            place.copy_(tensor)
        return None

    def wait(self, there: Mark) -> None:
        pass


class OnStream:
    """On a CUDA stream of its own. Places are memory of the stream that computes, so that what is
    copied to them is waited for there before they are given back; `record_stream` is not needed
    then. Tensors in pinned memory are copied while the host goes on, and PyTorch keeps their memory
    until that is done, even where nobody else does."""

    def __init__(self, device: torch.device) -> None:
        self._device, self._stream = device, torch.cuda.Stream(device)

    def now(self) -> Mark:
        return torch.cuda.current_stream(self._device).record_event()

    def begin(self, pairs: Iterable[tuple[torch.Tensor, torch.Tensor]], after: Mark) -> Mark:
        if after is not None:
            self._stream.wait_event(after)
        with torch.cuda.stream(self._stream):
            for place, tensor in pairs:
                place.copy_(tensor, non_blocking=True)
        return self._stream.record_event()

    def wait(self, there: Mark) -> None:
        if there is not None:
            torch.cuda.current_stream(self._device).wait_event(there)


def copies_to(device: torch.device) -> Copies:
    return OnStream(device) if device.type == "cuda" else AtOnce()

"""Who asks for steps stays near the device that takes them.

A GPU is only asked, and one that replays CUDA graphs is asked for a whole picture in some
milliseconds. Progress would be told of steps that nobody took yet, previews would come after the
picture, and a cancel too late.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

import torch

AHEAD = 2
"""Steps that may be asked for and not be done: one is at work while the next is asked for, and who
asks may be held up for a while."""


class Asked(Protocol):
    """Work that a device was asked for."""

    def synchronize(self) -> None:
        """Wait until it is done."""
        ...


def asked_so_far(device: torch.device) -> Asked | None:
    """All that `device` was asked for by this thread; None: that is done."""
    if device.type != "cuda":
        return None
    event = torch.cuda.Event(blocking=True)  # the processor is free for others meanwhile
    event.record(torch.cuda.current_stream(device))
    return event


class Pace:
    """Of one pass on `device`."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._steps: deque[Asked] = deque()

    def after_step(self) -> None:
        """A step was asked for: waits until no more than AHEAD of them are not done."""
        asked = asked_so_far(self._device)
        if asked is None:
            return
        self._steps.append(asked)
        if len(self._steps) > AHEAD:
            self._steps.popleft().synchronize()

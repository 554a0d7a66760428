"""A queue for decoding: pictures of so many pixels at once in the whole process, first come first
served. A picture of 64 megapixels fills half a gigabyte while it is read."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from studio.domain.errors import QueueFull


class Turns:
    """Gives out `budget` pixels. Safe in many threads.

    most_waiting  callers who may wait, of those who would rather be refused
    """

    def __init__(self, budget: int, most_waiting: int) -> None:
        self._budget, self._left = budget, budget
        self._most_waiting = most_waiting
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def turn(self, pixels: int, patient: bool = True) -> Iterator[None]:
        """Wait for `pixels` of the budget, all of it where they are more, and hold them. One who
        is not `patient` is refused with `QueueFull` where many wait already."""
        pixels = min(pixels, self._budget)
        me = object()
        with self._changed:
            if not patient and len(self._waiting) >= self._most_waiting:
                raise QueueFull(
                    "Too many pictures wait to be read already. Try again in some seconds."
                )
            self._waiting.append(me)
            try:
                self._changed.wait_for(lambda: self._waiting[0] is me and self._left >= pixels)
                self._left -= pixels
            finally:
                self._waiting.remove(me)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._left += pixels
                self._changed.notify_all()

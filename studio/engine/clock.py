"""How far a run has come, over all of its passes."""

from __future__ import annotations

import time

from studio.domain.events import Progress


class Clock:
    """Progress over all passes, and the seconds left, from the mean of the steps since the first
    (which pays for warming up)."""

    def __init__(self, passes: int) -> None:
        self._left = passes
        self._before = 0
        self._last = Progress(0, 0, None)
        self._first: tuple[int, float] | None = None

    def progress(self, step: int, total: int) -> Progress:
        """After `step`, from 1, of `total` U-Net calls of the present pass."""
        now_s = time.monotonic()
        done, total = self._before + step, self._before + total * self._left
        eta_s = None
        if self._first is None:
            self._first = (done, now_s)
        else:
            first, since_s = self._first
            eta_s = (now_s - since_s) / (done - first) * (total - done)
        self._last = Progress(done, total, eta_s)
        return self._last

    def pass_is_over(self) -> None:
        """What follows are the steps of the next one."""
        self._before, self._left = self._last.step, self._left - 1

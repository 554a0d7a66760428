"""What is asked of the models without drawing a picture: done by the device's thread, a piece
between two steps of what is drawn, so that neither holds up the other for long."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any

from studio.domain.errors import EngineError, QueueFull, StudioError

MOST_WAITING = 64
"""Errands of everybody."""

Pieces = Callable[[], Generator[None, None, Any]]
"""Begins the work; each `next` of what it gives is a piece of it, what that returns the answer."""


class NotNow(Exception):
    """Raised by an errand: those under way hold what it needs. It is begun anew after their next
    step, and no more jobs are begun before it."""


class _Errand:
    def __init__(self, begin: Pieces) -> None:
        self.begin = begin
        self.pieces: Generator[None, None, Any] | None = None
        self.answer: Future[Any] = Future()


class Errands:
    """One after the other, in the order they came. `changed` is told when one comes."""

    def __init__(self, changed: threading.Condition) -> None:
        self._changed = changed
        self._waiting: deque[_Errand] = deque()
        self._is_closed = False
        self.is_held_up = False

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, begin: Pieces) -> Future[Any]:
        """Its answer, or what it raised; to cancel that drops what is not done yet. Raises
        `QueueFull`."""
        errand = _Errand(begin)
        with self._changed:
            if self._is_closed:
                raise QueueFull("The studio is closing. Start it again.")
            if len(self._waiting) >= MOST_WAITING:
                raise QueueFull("Too many others are asking just now. Try again in a moment.")
            self._waiting.append(errand)
            self._changed.notify_all()
        return errand.answer

    def go_on(self, is_alone: bool) -> None:
        """Do one piece of the first, if there is any. `is_alone`: nothing is under way. To be
        called by the device's thread alone."""
        with self._changed:
            errand = self._waiting[0] if self._waiting else None
        if errand is None:
            return
        if errand.answer.cancelled():
            self._end(errand)
            return
        self.is_held_up = False
        try:
            errand.pieces = errand.pieces or errand.begin()
            next(errand.pieces)
        except StopIteration as end:
            self._end(errand, end.value)
        except NotNow as not_now:
            errand.pieces, self.is_held_up = None, not is_alone
            if is_alone:
                self._end(errand, error=EngineError(f"There is no room for it: {not_now}."))
        except Exception as error:
            self._end(errand, error=error)

    def fail(self, error: Exception) -> None:
        """None of them can be done."""
        told = error if isinstance(error, StudioError) else EngineError(str(error))
        while self._waiting:
            self._end(self._waiting[0], error=told)

    def close(self) -> None:
        """No more are taken."""
        self._is_closed = True
        self.fail(QueueFull("The studio is closing. Start it again."))

    def _end(self, errand: _Errand, answer: Any = None, error: Exception | None = None) -> None:
        with self._changed, suppress(ValueError):
            self._waiting.remove(errand)
        if errand.pieces is not None:
            with suppress(ValueError):  # it runs just now, in the thread that is closed
                errand.pieces.close()
        with suppress(InvalidStateError):  # cancelled meanwhile
            if error is None:
                errand.answer.set_result(answer)
            else:
                errand.answer.set_exception(error)

"""How many pictures an account may ask for."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from studio.domain.errors import TooMany
from studio.domain.safety import PER_HOUR_S


class Rates:
    """What accounts asked for in the last hour; a restart forgets it. Safe from many threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asked: dict[str, deque[tuple[float, int]]] = {}
        self._lock = threading.Lock()

    def take(self, account: str, pictures: int, most: int) -> None:
        """`account` asks for so many more. Raises `TooMany`, which says when there will be room,
        where they were more than `most` in an hour with those."""
        now_s = self._clock()
        with self._lock:
            asked = self._asked.setdefault(account, deque())
            while asked and asked[0][0] <= now_s - PER_HOUR_S:
                asked.popleft()
            used = sum(count for _, count in asked)
            if used + pictures > most:
                raise TooMany(_message(asked, used + pictures - most, most, now_s))
            asked.append((now_s, pictures))


def _message(asked: deque[tuple[float, int]], excess: int, most: int, now_s: float) -> str:
    free = 0
    for at_s, count in asked:
        free += count
        if free >= excess:
            minutes = max(1, -int(-(at_s + PER_HOUR_S - now_s) // 60))
            return (
                f"This studio draws {most} pictures an hour for each account, and yours has asked "
                f"for them. Try again in {minutes} minute{'s' * (minutes != 1)}."
            )
    return f"This studio draws {most} pictures an hour for each account. Ask for fewer at once."

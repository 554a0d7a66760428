"""What a job tells its readers: of each kind of event only the newest is kept.

So a late reader gets the present state at once, a slow reader skips stale previews, and nothing
piles up however many readers there are or how slow they are.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from studio.domain.events import FINAL

Numbered = tuple[int, Any]


class EventStream:
    """One writer, any number of readers, from threads or from asyncio. Ends once.

    The first event's number follows `begun`: 0, or more than any reader can have seen in a process
    before this one. An event of the kinds `final` is its last.
    """

    def __init__(self, begun: int = 0, final: tuple[type, ...] = FINAL) -> None:
        self._final = final
        self._newest: dict[type, Numbered] = {}
        self._count = begun
        self._closed = False
        self._changed = threading.Condition()
        self._wake: dict[asyncio.AbstractEventLoop, set[asyncio.Event]] = {}

    @property
    def closed(self) -> bool:
        """True once the last event was published: Finished, Failed or Cancelled of a job."""
        return self._closed

    @property
    def count(self) -> int:
        """The newest event's number."""
        return self._count

    def publish(self, event: Any) -> None:
        """Number `event` (1, 2, …) and hand it to all readers. A closed stream takes no more."""
        with self._changed:
            if self._closed:
                return
            self._count += 1
            self._newest[type(event)] = (self._count, event)
            self._closed = isinstance(event, self._final)
            self._changed.notify_all()
            waiters = [(loop, tuple(flags)) for loop, flags in self._wake.items()]
        for loop, flags in waiters:  # a loop is woken once: that costs the writer a system call
            try:
                loop.call_soon_threadsafe(_set, flags)
            except RuntimeError:  # that loop has ended; nobody waits there
                continue

    def since(self, after: int = 0) -> list[Numbered]:
        """What is newer than number `after`, oldest first."""
        with self._changed:
            return sorted(
                (item for item in self._newest.values() if item[0] > after),
                key=lambda item: item[0],
            )

    def newest(self, kind: type) -> Any:
        """The newest event of one kind."""
        with self._changed:
            item = self._newest.get(kind)
        return item[1] if item else None

    def follow(self, after: int = 0) -> Iterator[Numbered]:
        """All that comes, for a reader in a thread; returns after the final event."""
        while True:
            with self._changed:
                while self._count <= after and not self._closed:
                    self._changed.wait()
                ended = self._closed
            for number, event in self.since(after):
                after = number
                yield number, event
            if ended:
                return

    def has_ended(self, timeout_s: float) -> bool:
        """Was the last event published? For a reader in a thread, which waits up to `timeout_s`
        for it."""
        with self._changed:
            return self._changed.wait_for(lambda: self._closed, timeout_s)

    async def wait(self, after: int, timeout_s: float) -> list[Numbered]:
        """What is newer than `after`, waiting up to `timeout_s` for it; empty on time-out."""
        flag, loop = asyncio.Event(), asyncio.get_running_loop()
        with self._changed:
            self._wake.setdefault(loop, set()).add(flag)
        try:
            newer = self.since(after)
            if newer or self._closed:
                return newer
            try:
                await asyncio.wait_for(flag.wait(), timeout_s)
            except TimeoutError:
                return []
            return self.since(after)
        finally:
            with self._changed:
                flags = self._wake[loop]
                flags.discard(flag)
                if not flags:
                    del self._wake[loop]


def _set(flags: Iterable[asyncio.Event]) -> None:
    for flag in flags:
        flag.set()

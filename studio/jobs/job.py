"""One request on its way: who asked, where it stands, how it can be stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from enum import StrEnum

from studio.domain.errors import EngineError
from studio.domain.events import (
    Cancelled,
    Event,
    Failed,
    Finished,
    Loading,
    Picture,
    Queued,
    Started,
)
from studio.domain.request import GenerationRequest
from studio.jobs.stream import EventStream
from studio.jobs.workload import Workload

PREVIEW_INTERVAL_S = 0.1
"""At most about ten previews a second: more the eye does not need."""


class JobState(StrEnum):
    QUEUED = "queued"
    LOADING = "loading"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


_STATE_AFTER = {
    Queued: JobState.QUEUED,
    Loading: JobState.LOADING,
    Started: JobState.RUNNING,
    Finished: JobState.FINISHED,
    Failed: JobState.FAILED,
    Cancelled: JobState.CANCELLED,
}


class Job:
    """A settled request with an id, of the account `owner`.

    is_kept   it outlasts the process and its pictures are stored; False: it is to be looked at
    parts     what there is to draw
    used_s    its share of the device's time so far,
    loaded_s  and until its models were there; None: they are not yet
    shared    others were drawn beside it

    Previews are decoded only while somebody watches: `watched` is called by every reader that
    shows them.
    """

    def __init__(
        self,
        id: str,
        request: GenerationRequest,
        owner: str,
        created_s: float | None = None,
        *,
        is_kept: bool = True,
    ) -> None:
        self.id = id
        self.request = request
        self.owner = owner
        self.is_kept = is_kept
        now_s = time.time()
        self.created_s = now_s if created_s is None else created_s
        # A job taken up from the ledger had fewer events than milliseconds have gone by.
        self.events = EventStream(max(0, round(1000 * (now_s - self.created_s))))
        self.state = JobState.QUEUED
        self.ended_s: float | None = None
        self.parts: Workload = ()
        self.used_s = 0.0
        self.loaded_s: float | None = None
        self.shared = False
        self._cancel = threading.Event()
        self._end: Callable[[], None] | None = None
        self._watched_s = float("-inf")
        self._preview_s = float("-inf")

    def cancel(self) -> None:
        """Ask for the end; takes effect within a step. Harmless when the job has ended."""
        self._cancel.set()
        end = self._end
        if end is not None:
            end()

    @property
    def is_cancelled(self) -> bool:
        """Its end was asked for."""
        return self._cancel.is_set()

    def ends_with(self, end: Callable[[], None] | None) -> None:
        """For the queue: call `end` as soon as the end is asked for, which may be now already;
        from any thread, and maybe more than once. None: no longer."""
        self._end = end
        if end is not None and self._cancel.is_set():
            end()

    def watched(self) -> None:
        """Somebody looks at the previews, and will for the next ten seconds."""
        self._watched_s = time.monotonic()

    def follow(self, after: int = 0, previews: bool = True) -> Iterator[tuple[int, Event]]:
        """(Number, event) of what is newer than number `after`, until it ends, for a reader in a
        thread. Without `previews` none are decoded for it."""
        if previews:
            self.watched()
        for number, event in self.events.follow(after):
            if previews:
                self.watched()
            yield number, event

    def wants_preview(self) -> bool:
        """For the engine: is a preview worth its decode right now?"""
        now_s = time.monotonic()
        if now_s - self._watched_s > 10 or now_s - self._preview_s < PREVIEW_INTERVAL_S:
            return False
        self._preview_s = now_s
        return True

    def publish(self, event: Event) -> None:
        """For the queue: record what happened."""
        self.state = _STATE_AFTER.get(type(event), self.state)
        self.events.publish(event)

    def finished(self) -> Finished:
        """Wait for it; it is cancelled where that is given up. Raises the `StudioError` that it
        failed with."""
        try:
            final = [event for _, event in self.follow(previews=False)][-1]
        finally:
            self.cancel()
        if isinstance(final, Finished):
            return final
        if isinstance(final, Failed):
            raise final.cause
        raise EngineError("The run was cancelled: the studio was closed. Start it again.")

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """Results so far: those of Finished or Cancelled, else none."""
        for kind in (Finished, Cancelled):
            event = self.events.newest(kind)
            if event is not None:
                return event.pictures
        return ()

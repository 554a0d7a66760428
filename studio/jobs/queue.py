"""First come, first served: one worker thread owns the device, everyone else sends requests.

The next job joins those under way where the engine says that it pays; else it waits for their end,
and all behind it too, so that nobody is overtaken again and again."""

from __future__ import annotations

import logging
import secrets
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Mapping

from studio.domain.accounts import LOCAL
from studio.domain.errors import InvalidRequest, QueueFull, StudioError
from studio.domain.events import Cancelled, Event, Failed, Loading, Queued
from studio.domain.request import GenerationRequest
from studio.engine.protocol import Engine, Run
from studio.jobs.job import Job
from studio.jobs.keeping import Keeping

log = logging.getLogger(__name__)

MAX_WAITING = 200
MAX_REMEMBERED = 500
MAX_REMEMBERED_PIXELS = 64_000_000
"""Pillow takes 4 bytes for an RGB pixel, so 256 MB."""
ALWAYS_REMEMBERED = 4
"""The newest ended jobs stay, however large: their readers may not have come yet."""


class JobQueue:
    """Submits, orders, runs and remembers jobs.

    build_engine  called once, in the worker thread: importing and loading may take seconds, and
            jobs may be submitted meanwhile
    settle   completes a request (checkpoint, size, seed), or raises `InvalidRequest`
    keeping  what outlasts the process
    """

    def __init__(
        self,
        build_engine: Callable[[], Engine],
        settle: Callable[[GenerationRequest], GenerationRequest],
        keeping: Keeping,
    ) -> None:
        self._build_engine = build_engine
        self._settle = settle
        self._keeping = keeping
        self._submitting = threading.Lock()
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._waiting: deque[Job] = deque()
        self._running: list[Job] = []
        self._changed = threading.Condition()
        self._starting, self._stopping, self._paused = True, False, keeping.paused
        for job in keeping.take_up():
            self._jobs[job.id] = job
            self._waiting.append(job)
        self._tell_positions()
        self._worker = threading.Thread(target=self._work, name="device", daemon=True)
        self._worker.start()

    def submit(self, request: GenerationRequest, key: str | None = None, owner: str = LOCAL) -> Job:
        """Queue `request` for the account `owner`; with the `key` of an earlier one of it that job
        comes back. Raises `InvalidRequest`, or `QueueFull` with 200 jobs before it."""
        settled = self._settle(request)
        with self._submitting:
            known = key and self._keeping.id_with(owner, key)
            if known:
                return self.get(known)
            job = Job(secrets.token_urlsafe(16), settled, owner)
            with self._changed:
                if self._stopping:
                    raise QueueFull("The studio is closing and takes no more jobs. Start it again.")
                if len(self._waiting) >= MAX_WAITING:
                    raise QueueFull(
                        f"{len(self._waiting)} jobs are waiting already. Try again when some are "
                        "done."
                    )
            self._keeping.add(job, key)
            with self._changed:
                self._jobs[job.id] = job
                self._waiting.append(job)
                self._tell_positions()
                self._forget_oldest()
                self._changed.notify_all()
        return job

    def get(self, id: str) -> Job:
        """Raises `NotFound`."""
        with self._changed:
            if id in self._jobs:
                return self._jobs[id]
        return self._keeping.find(id)

    def jobs(self) -> list[Job]:
        """All remembered jobs, oldest first; those that wait in their order, after all others."""
        with self._changed:
            waiting = list(self._waiting)
            return [job for job in self._jobs.values() if job not in waiting] + waiting

    def to_do(self) -> list[Job]:
        """Those under way, then those that wait, in their order."""
        with self._changed:
            return [*self._running, *self._waiting]

    def move(self, id: str, position: int) -> Job:
        """Let a job wait at `position` among those that wait, 0 being the next; one beyond the end
        is the last. Raises `NotFound`, and `InvalidRequest` where it does not wait."""
        job = self.get(id)
        with self._changed:
            if job not in self._waiting:
                raise InvalidRequest(
                    f"Job {id} does not wait: it is {job.state.value}. Only jobs that wait can be "
                    "moved.",
                    "position",
                )
            self._waiting.remove(job)
            self._waiting.insert(position, job)
            self._keeping.reorder(list(self._waiting))
            self._tell_positions()
        return job

    def again(self, id: str, owner: str = LOCAL) -> Job:
        """One more job, of `owner`, with the very settings of that one, seed included. Raises
        `NotFound`, and as `submit` does."""
        return self.submit(self.get(id).request, owner=owner)

    @property
    def paused(self) -> bool:
        return self._paused

    def pause(self) -> None:
        """Begin no more jobs until `resume`, through any end of the process; what is under way goes
        on."""
        self._keeping.pause(True)
        with self._changed:
            self._paused = True

    def resume(self) -> None:
        self._keeping.pause(False)
        with self._changed:
            self._paused = False
            self._changed.notify_all()

    @property
    def waiting(self) -> int:
        """How many jobs wait or run."""
        with self._changed:
            return len(self._waiting) + len(self._running)

    def cancel(self, id: str) -> Job:
        """Stop a job: at once while it waits, within a step while it runs."""
        job = self.get(id)
        job.cancel()
        with self._changed:
            if job in self._waiting:
                self._waiting.remove(job)
                self._tell(job, Cancelled(()))
                self._tell_positions()
        return job

    def delete(self, id: str) -> None:
        """Cancel and forget a job; its saved pictures stay."""
        self.cancel(id)
        self.forget([id])

    def forget(self, ids: Collection[str]) -> None:
        """Jobs that have ended or are about to; their saved pictures stay."""
        with self._changed:
            for id in ids:
                self._jobs.pop(id, None)
        self._keeping.forget(ids)

    def close(self, timeout_s: float = 10) -> bool:
        """Stop everything and end the worker; what the ledger keeps waits for the next start. False
        if it has not ended after `timeout_s`.

        A load that has begun cannot be stopped; the worker is a daemon and ends with the process.
        """
        with self._changed:
            self._stopping = True
            self._keeping.interrupt(self._running)
            for job in self._running:
                job.cancel()
            while self._waiting:
                job = self._waiting.popleft()
                job.cancel()
                job.publish(Cancelled(()))
            self._changed.notify_all()
        self._worker.join(timeout_s)
        return not self._worker.is_alive()

    def _work(self) -> None:
        engine: Engine | None = None
        try:
            engine = self._build_engine()
        except Exception:  # tried again with the next job, which then says why
            log.exception("the engine could not be started")
        self._starting = False
        under_way: dict[Run, Job] = {}
        while self._is_wanted(under_way):
            try:
                engine = engine or self._build_engine()
            except Exception as error:
                self._end(self._taken(), _failed(error))
                continue
            while self._may_begin(engine, under_way):
                job = self._taken()
                try:
                    if job is not None and not self._is_done_already(job):
                        run = engine.open(job.request, job.wants_preview)
                        under_way[run] = job
                        job.ends_with(run.cancel)
                except Exception as error:  # whatever it was, the queue goes on
                    self._end(job, _failed(error))
            self._advance(engine, under_way)

    def _is_wanted(self, under_way: Mapping[Run, Job]) -> bool:
        """Waits until there is something to do. False: nothing any more."""
        with self._changed:
            self._changed.wait_for(
                lambda: (self._waiting and not self._paused) or under_way or self._stopping
            )
            return bool(under_way) or not self._stopping

    def _may_begin(self, engine: Engine, under_way: Mapping[Run, Job]) -> bool:
        """Whether the next job may begin beside those under way."""
        with self._changed:
            head = self._waiting[0] if self._waiting and not self._paused else None
        return head is not None and (not under_way or engine.joins(head.request, [*under_way]))

    def _taken(self) -> Job | None:
        """The next job, which runs from now on; None: it was cancelled meanwhile."""
        with self._changed:
            if not self._waiting:
                return None
            job = self._waiting.popleft()
            self._running.append(job)
            self._tell_positions()
        self._keeping.begun(job)
        return job

    def _advance(self, engine: Engine, under_way: dict[Run, Job]) -> None:
        """One step of all that is under way. What has ended is no longer."""
        try:
            happened = engine.advance([*under_way])
        except Exception as error:  # the last guard: whatever it was, the queue goes on
            for job in under_way.values():
                self._end(job, _failed(error))
            under_way.clear()
            return
        for run, event in happened:
            job = under_way[run]
            try:
                self._tell(job, self._keeping.with_pictures_kept(job, event))
            except Exception as error:
                run.cancel()
                self._tell(job, _failed(error))
        for run in [run for run in under_way if run.done]:
            self._end(under_way.pop(run))

    def _end(self, job: Job | None, event: Event | None = None) -> None:
        """`job` runs no more; it is told `event` as its last, unless it was told."""
        if job is None:
            return
        if event is not None:
            self._tell(job, event)
        job.ends_with(None)  # a job outlives its run, which holds models
        with self._changed:
            self._running.remove(job)
            self._tell_positions()

    def _tell(self, job: Job, event: Event) -> None:
        self._keeping.ended(job, event)
        job.publish(event)

    def _is_done_already(self, job: Job) -> bool:
        """Before the process ended once; told now."""
        end = self._keeping.end_before(job)
        if end is not None:
            self._end(job, end)
        return end is not None

    def _tell_positions(self) -> None:
        for place, job in enumerate(self._waiting):
            position = place + len(self._running)
            if job.events.newest(Queued) != Queued(position):
                job.publish(Queued(position))
        if self._starting and self._waiting and not self._waiting[0].events.newest(Loading):
            self._waiting[0].publish(Loading("the engine", 0.0))

    def _forget_oldest(self) -> None:
        """Ended jobs go, oldest first, when there are too many or their pictures fill the memory.

        The pictures' files stay, and whoever holds the job itself still reads it to its end.
        """
        ended = [job for job in self._jobs.values() if job.events.closed]
        pixels = sum(_pixels(job) for job in ended)
        excess = len(self._jobs) - MAX_REMEMBERED
        for place, job in enumerate(ended[:-ALWAYS_REMEMBERED]):
            if place >= excess and pixels <= MAX_REMEMBERED_PIXELS:
                return
            pixels -= _pixels(job)
            del self._jobs[job.id]


def _failed(error: Exception) -> Failed:
    if isinstance(error, StudioError):
        return Failed.of(error)
    log.error("a job ended unexpectedly", exc_info=error)
    return Failed("EngineError", f"The job ended unexpectedly: {error!r}")


def _pixels(job: Job) -> int:
    return sum(picture.image.width * picture.image.height for picture in job.pictures)

"""Trainings in the queue: a step at a time, in turn with what is drawn, kept through any end of the
process."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Protocol

from studio.domain.accounts import check_owner
from studio.domain.errors import InvalidRequest, NotFound, SaveError, StudioError
from studio.domain.events import Cancelled, Failed
from studio.domain.hours import Hours
from studio.domain.training import (
    Done,
    Remark,
    Snapshot,
    Stopped,
    Trained,
    TrainingEvent,
    TrainingKind,
)
from studio.domain.training_order import TrainingOrder
from studio.jobs.line import Line
from studio.store.trainings import TrainingLedger
from studio.tuning.job import TrainingJob, TrainingState, Wish

log = logging.getLogger(__name__)

LONGEST_REST_S = 60.0
"""After so long at most the clock is looked at again, which may have been set meanwhile."""

_TO_DO = (TrainingState.QUEUED, TrainingState.RUNNING)


class School(Protocol):
    """Where it is learnt: all that a training needs of the rest of the studio."""

    def settled(self, order: TrainingOrder) -> TrainingOrder:
        """With nothing left open. Raises `InvalidRequest` and `NotFound`."""
        ...

    def events(
        self, order: TrainingOrder, stopped: Callable[[], bool], ends: Callable[[], bool]
    ) -> Iterator[TrainingEvent]:
        """The work, of which each event is a part; it goes on where it stopped, if it did."""
        ...

    def draw(self, order: TrainingOrder, owner: str, path: Path | None) -> list[str]:
        """The jobs that draw its samples, with what it has learnt, which lies at `path`; None:
        without it. Raises `StudioError`."""
        ...

    def name_of(self, path: Path, kind: TrainingKind) -> str | None:
        """What lies at `path`, as the catalog calls it."""
        ...

    def forget(self, order: TrainingOrder) -> None:
        """What is kept to go on."""
        ...


class Trainings:
    """All there are. Of those that are to do one is worked on at a time, as each has models of its
    own in memory; its next step waits in `line`. `now` is the local time."""

    def __init__(
        self,
        line: Line,
        ledger: TrainingLedger,
        school: School,
        now: Callable[[], datetime] = datetime.now,
    ) -> None:
        self._line, self._ledger, self._school, self._now = line, ledger, school, now
        self._timer: threading.Timer | None = None
        self._lock = threading.RLock()
        self._jobs: dict[str, TrainingJob] = {}
        self._work: dict[str, _Work] = {}
        self._under_way: _Work | None = None
        for row in ledger.all():
            try:
                job = TrainingJob.of_row(row)
            except ValueError as error:
                log.warning("training %s cannot be read any more: %s", row.id, error)
                continue
            self._jobs[job.id] = job
            if job.state in _TO_DO:
                self._offer(job)

    def submit(self, order: TrainingOrder, owner: str) -> TrainingJob:
        """Queue one for the account `owner`. Raises `InvalidRequest`, `NotFound`, `SaveError`."""
        settled = self._school.settled(order)
        with self._lock:
            name = settled.training.name
            if any(job.order.training.name == name for job in self._unfinished()):
                raise InvalidRequest(
                    f"There is a training {name!r} that has not ended. Go on with it, delete it, "
                    "or choose another name.",
                    "training.name",
                )
            job = TrainingJob(secrets.token_urlsafe(12), owner, settled, time.time())
            job.remarks += settled.training.remarks
            self._ledger.put(job.row())
            self._jobs[job.id] = job
            self._offer(job)
            return job

    def _unfinished(self) -> list[TrainingJob]:
        ended = (TrainingState.FINISHED, TrainingState.CANCELLED)
        return [job for job in self._jobs.values() if job.state not in ended]

    def check_unused(self, pictures: str) -> None:
        """Raises `InvalidRequest` where a training that has not ended learns from that set."""
        with self._lock:
            for job in self._unfinished():
                if job.order.pictures == pictures:
                    name = job.order.training.name
                    raise InvalidRequest(
                        f"The training {name!r} learns from the set {pictures!r} and has not ended."
                        " Let it end, or delete it first."
                    )

    def all(self) -> list[TrainingJob]:
        """Newest first."""
        with self._lock:
            return [*self._jobs.values()][::-1]

    @property
    def to_do(self) -> int:
        """How many wait or learn: neither paused nor ended."""
        with self._lock:
            return sum(job.state in _TO_DO for job in self._jobs.values())

    def get(self, id: str) -> TrainingJob:
        """Raises `NotFound`."""
        with self._lock:
            if id not in self._jobs:
                raise NotFound(f"There is no training {id!r}. It was deleted, or never was.")
            return self._jobs[id]

    def pause(self, id: str, account: str) -> TrainingJob:
        """After the step under way it is kept and leaves the memory. Raises `InvalidRequest` where
        it has ended, `NotFound`, `NotYours`."""
        with self._lock:
            job = self._own(id, account)
            self._check(job, *_TO_DO, TrainingState.PAUSED)
            if job.state in _TO_DO:
                self._end_soon(job, Wish.PAUSE, TrainingState.PAUSED)
            return job

    def resume(self, id: str, account: str) -> TrainingJob:
        """It goes on, to the bit as if it had never stopped. Raises as `pause`."""
        with self._lock:
            job = self._own(id, account)
            self._check(job, *_TO_DO, TrainingState.PAUSED, TrainingState.FAILED)
            job.wish = None
            if job.state not in _TO_DO:
                job.begin_again()
                self._put(job)
                self._offer(job)
            return job

    def stop(self, id: str, account: str) -> TrainingJob:
        """It ends early, with the best that it has learnt. Raises as `pause`."""
        with self._lock:
            job = self._own(id, account)
            self._check(job, *_TO_DO, TrainingState.PAUSED)
            if not job.step:
                raise InvalidRequest("It has learnt nothing yet. Delete it instead.")
            job.wish = Wish.STOP
            if job.state is TrainingState.PAUSED:
                job.begin_again()
            self._put(job)
            self._offer(job)
            return job

    def keep_hours(self, id: str, hours: Hours | None, account: str) -> TrainingJob:
        """From now on it learns in `hours` alone; None: at any time. Raises as `pause`."""
        with self._lock:
            job = self._own(id, account)
            self._check(job, *_TO_DO, TrainingState.PAUSED, TrainingState.FAILED)
            job.order = job.order.model_copy(update={"hours": hours})
            self._put(job)
            self.look_at_the_clock()
            return job

    def delete(self, id: str, account: str) -> None:
        """Forget it and what was kept to go on; files that were written stay. Raises as `pause`."""
        with self._lock:
            job = self._own(id, account)
            is_under_way = job.state in _TO_DO
            del self._jobs[id]
            self._ledger.forget(id)
            if is_under_way:
                self._end_soon(job, Wish.CANCEL, TrainingState.CANCELLED)
            if id not in self._work:
                self._forget(job)

    def close(self) -> None:
        """When nothing is worked on any more: what was learnt is kept, to go on from at the next
        start."""
        with self._lock:
            if self._timer:
                self._timer.cancel()
        for work in [*self._work.values()]:
            work.close()

    def waits_until(self, job: TrainingJob) -> str | None:
        """The time of the day at which it may go on, as "22:00"; None: it may now."""
        hours = job.order.hours
        if hours is None or job.wish is Wish.STOP or hours.has(self._now()):
            return None
        return hours.since

    def look_at_the_clock(self) -> None:
        """Those whose hours have begun go on. Called by itself when the time comes."""
        with self._lock:
            for work in self._work.values():
                self._line.offer(work)

    def _wait_for(self, job: TrainingJob) -> None:
        """For its hours."""
        if self._timer:
            self._timer.cancel()
        rest_s = min(job.order.hours.seconds_until(self._now()), LONGEST_REST_S)
        self._timer = threading.Timer(rest_s, self.look_at_the_clock)
        self._timer.daemon = True
        self._timer.start()

    def _own(self, id: str, account: str) -> TrainingJob:
        job = self.get(id)
        check_owner(account, job.owner, f"Training {job.order.training.name!r}")
        return job

    def _check(self, job: TrainingJob, *states: TrainingState) -> None:
        if job.state not in states:
            raise InvalidRequest(f"The training is {job.state.value}: begin another instead.")

    def _end_soon(self, job: TrainingJob, wish: Wish, state: TrainingState) -> None:
        """At once where it was not begun."""
        job.wish = wish
        if job.id in self._work and self._work[job.id].is_begun:
            return
        work = self._work.pop(job.id, None)
        if work is not None:
            self._line.withdraw(work)
        job.wish = None
        job.publish(Stopped(job.step) if state is TrainingState.PAUSED else Cancelled(()))
        self._put(job)

    def _offer(self, job: TrainingJob) -> None:
        if job.id not in self._work:
            self._work[job.id] = _Work(job, self)
            self._line.offer(self._work[job.id])

    def _may_begin(self, work: _Work) -> bool:
        """For the work. False: it is offered again when it may."""
        with self._lock:
            if self._under_way not in (None, work) or work.id not in self._waiting():
                return False
            if self.waits_until(work.job):
                self._wait_for(work.job)
                return False
            self._under_way, work.is_begun = work, True
            return True

    def _waiting(self) -> set[str]:
        return {work.id for work in self._work.values()}

    def _put(self, job: TrainingJob) -> None:
        """A full disk ends no training."""
        if job.id in self._jobs:
            try:
                self._ledger.put(job.row())
            except SaveError as error:
                log.warning("%s", error)

    def _forget(self, job: TrainingJob) -> None:
        with suppress(OSError):
            self._school.forget(job.order)

    def _happened(self, job: TrainingJob, event: TrainingEvent | Failed | Cancelled) -> None:
        """For the work: `event` is told and, where it must outlast the process, kept."""
        if isinstance(event, Done):
            job.result = self._school.name_of(event.path, job.order.training.kind)
        job.publish(event)
        if isinstance(event, (Snapshot, Done)):
            self._draw(job, job.step, event.path)
        if not isinstance(event, Trained) or event.step % job.order.training.save_every == 0:
            self._put(job)

    def _draw(self, job: TrainingJob, step: int, path: Path | None) -> None:
        """What it knows now."""
        samples = job.order.samples
        if not (samples.prompts and samples.every) or any(at == step for at, _ in job.sheets):
            return
        try:
            job.sheets.append((step, self._school.draw(job.order, job.owner, path)))
        except StudioError as error:
            job.publish(Remark(f"No samples at step {step}: {error}"))

    def _ended(self, job: TrainingJob, event: TrainingEvent | Failed | Cancelled) -> None:
        """For the work: `event` was the last of it. Whoever hears of it may offer it again."""
        with self._lock:
            self._work.pop(job.id, None)
            self._under_way = None
            its_hours_are_over = isinstance(event, Stopped) and job.wish is None
            job.wish = None
            self._happened(job, event)
            if its_hours_are_over:
                job.begin_again()
                self._put(job)
                self._offer(job)
            for work in self._work.values():
                self._line.offer(work)
            if job.state in (TrainingState.CANCELLED, TrainingState.FINISHED):
                self._forget(job)


class _Work:
    """One of the trainings as it is worked on."""

    def __init__(self, job: TrainingJob, trainings: Trainings) -> None:
        self.id, self.owner = f"training-{job.id}", job.owner
        self.job, self._trainings = job, trainings
        self._events: Iterator[TrainingEvent] | None = None
        self.is_begun = False

    def step(self) -> bool:
        """As `SideWork` says."""
        job, of = self.job, self._trainings
        try:
            if self._events is None:
                if not of._may_begin(self):
                    return False
                self._events = self._begun()
                return True
            event = Cancelled(()) if job.wish is Wish.CANCEL else next(self._events)
        except StudioError as error:
            event = Failed.of(error)
        except Exception as error:  # whatever it was, the queue goes on
            log.exception("a training ended unexpectedly")
            event = Failed("EngineError", f"The training ended unexpectedly: {error!r}")
        if isinstance(event, (Done, Stopped, Failed, Cancelled)):
            self._events = None
            of._ended(job, event)
            return False
        of._happened(job, event)
        return True

    def close(self) -> None:
        """As for a pause, but it waits for the next start."""
        events, self._events = self._events, None
        if events is None:
            return
        self.job.wish = Wish.PAUSE
        try:
            while not isinstance(next(events, Stopped(0)), (Stopped, Done)):
                pass
        except Exception:
            log.exception("what a training has learnt since it was kept last is lost")

    def _begun(self) -> Iterator[TrainingEvent]:
        job, of = self.job, self._trainings
        if not job.step:
            of._draw(job, 0, None)
        stopped = lambda: job.wish is Wish.PAUSE or of.waits_until(job) is not None  # noqa: E731
        return of._school.events(job.order, stopped, lambda: job.wish is Wish.STOP)

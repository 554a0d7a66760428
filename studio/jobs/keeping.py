"""What jobs leave behind, as jobs, pictures and ends: kept before anybody hears of it.

After any end of the process what was submitted is there again, in order, what was under way starts
again, and what a job has stored it does not store again.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from studio.domain.errors import InvalidRequest, NotFound
from studio.domain.events import FINAL, Cancelled, Event, Failed, Finished, Picture
from studio.domain.request import GenerationRequest
from studio.jobs.job import Job, JobState
from studio.store.jobs import JobLedger, JobRow
from studio.store.ledger import Ledger
from studio.store.pictures import Claim
from studio.store.room import Room

Keep = Callable[[Picture, Claim], Picture]
"""Stores a picture and returns it with its id. The ledger has it as that of its job before it is
there. Must not raise for a full disk."""
Hold = Callable[[Picture, str], Picture]
"""Returns a picture of an account with its id, by which it is found for a while."""


def _passing(picture: Picture, owner: str) -> Picture:
    return picture


class Keeping:
    """
    keep    as above; of a job that is not to be kept its pictures are only held, by `hold`
    read    gives the stored picture of an id; raises `NotFound`
    ledger  remembers the jobs; by default as long as the process lasts
    room    of the disk to which pictures go; None: nobody looks
    use     is told of each request whose pictures, which it begins with, must stay
    """

    def __init__(
        self,
        keep: Keep,
        read: Callable[[str], Picture],
        ledger: JobLedger | None = None,
        room: Room | None = None,
        *,
        hold: Hold = _passing,
        use: Callable[[GenerationRequest], None] = lambda _: None,
    ) -> None:
        self._keep, self._read, self._room = keep, read, room
        self._hold, self._use = hold, use
        self._ledger = ledger or JobLedger(Ledger(None))
        self._interrupted: set[Job] = set()
        self._taken_up: set[str] = set()

    def add(self, job: Job, key: str | None, words: tuple[str, str]) -> None:
        """`job` is the last in the line; `key` is the one that it came with, `words` are the two
        prompts as they were typed. Raises `NotFound` where what it begins with is gone."""
        if not job.is_kept:
            return
        self._use(job.request)
        request = job.request.model_dump_json()
        self._ledger.add(job.id, job.owner, request, job.created_s, key, words=words)

    def id_with(self, owner: str, key: str) -> str | None:
        """That of the job of `owner` which came with `key`."""
        return self._ledger.with_key(owner, key)

    def reorder(self, waiting: Sequence[Job]) -> None:
        """They wait, in this order."""
        self._ledger.reorder([job.id for job in waiting if job.is_kept])

    def begun(self, job: Job) -> None:
        if job.is_kept:
            self._ledger.begun(job.id)

    def forget(self, ids: Iterable[str]) -> None:
        """Jobs; their pictures stay."""
        self._ledger.forget(ids)

    @property
    def paused(self) -> bool:
        """Whether no more jobs are begun."""
        return self._ledger.paused

    def pause(self, paused: bool) -> None:
        self._ledger.pause(paused)

    def ended_owners(self, states: Sequence[JobState]) -> dict[str, str]:
        """The id of each job that has ended and is in one of `states` -> its owner."""
        return self._ledger.ended_owners(states)

    @property
    def trouble(self) -> str | None:
        """Why the disk takes no pictures; None: it does."""
        return self._room.trouble if self._room else None

    def is_held(self) -> bool:
        """Whether jobs are to wait until the disk takes their pictures; where they outlast the
        process alone, for else nobody could draw without a disk."""
        return self._ledger.is_durable and self.trouble is not None

    def look_for_room(self) -> None:
        """Whether there is some by now."""
        if self._room:
            self._room.look()

    def interrupt(self, running: Sequence[Job]) -> None:
        """The process is about to end: those of `running` whose end nobody asked for are to be
        drawn again when there is another, which needs a ledger that outlasts it."""
        if self._ledger.is_durable:
            self._interrupted |= {job for job in running if job.is_kept and not job.is_cancelled}

    def tell(self, job: Job, event: Event) -> None:
        """`event` happened to `job`: kept, where it is its last and it is not to be drawn again,
        before anybody hears of it."""
        self._ended(job, event)
        job.publish(event)

    def _ended(self, job: Job, event: Event) -> None:
        if isinstance(event, FINAL) and not job.events.closed:
            if job in self._interrupted:
                self._ledger.waits_again(job.id)
                return
            job.ended_s = time.time()
            if job.is_kept:
                self._ledger.ended(job.id, event, job.ended_s)

    def with_pictures_kept(self, job: Job, event: Event) -> Event:
        """`event` with its pictures stored: those that are there already stay as they are, and of
        a job that is to be drawn again there are none. Of one that is not kept they are held, if it
        was drawn to its end."""
        if not isinstance(event, (Finished, Cancelled)):
            return event
        if job in self._interrupted:
            return Cancelled(())
        if not job.is_kept:
            drawn = event.pictures if isinstance(event, Finished) else ()
            held = tuple(self._hold(picture, job.owner) for picture in drawn)
            return dataclasses.replace(event, pictures=held)
        there, pictures = self._stored(job), []
        for number, picture in enumerate(event.pictures):
            claim = Claim(job.id, number, job.owner)
            kept = there.get(number) or self._keep(picture, claim)
            if kept.path is None and self._room:
                self._room.look()
            pictures.append(kept)
        return dataclasses.replace(event, pictures=tuple(pictures))

    def end_before(self, job: Job) -> Finished | None:
        """Where all pictures of `job` were stored, but the process ended before it said so."""
        stored = self._stored(job)
        if len(stored) < len(job.request.places):
            return None
        return Finished(tuple(stored[number] for number in sorted(stored)), 0.0)

    def take_up(self) -> list[Job]:
        """What waited, or was under way, when the process before this one ended, in order."""
        jobs = []
        for row in self._ledger.to_do():
            try:
                jobs.append(_job(row))
            except NotFound as error:
                self._ledger.ended(row.id, Failed.of(error), time.time())
        self._taken_up = {job.id for job in jobs}
        return jobs

    def find(self, id: str) -> Job:
        """A job that has ended and is no longer in memory. Raises `NotFound`."""
        row = self._ledger.find(id)
        if row is None or row.state in ("queued", "running"):
            raise NotFound(f"There is no job {id!r}. It was deleted, or never was.")
        return self._ended_job(row)

    def ended_jobs(
        self,
        limit: int,
        before: tuple[float, str] | None = None,
        state: str | None = None,
        owner: str | None = None,
    ) -> list[Job]:
        """As `JobLedger.ended_jobs`; without those of another version of the studio."""
        jobs: list[Job] = []
        while rows := self._ledger.ended_jobs(limit - len(jobs), before, state, owner):
            before = rows[-1].ended_s, rows[-1].id
            for row in rows:
                with suppress(NotFound):
                    jobs.append(self._ended_job(row))
        return jobs

    def _ended_job(self, row: JobRow) -> Job:
        job, pictures = _job(row), self._pictures(row)
        job.ended_s = row.ended_s
        found = tuple(pictures[number] for number in sorted(pictures))
        if row.state == "finished":
            job.publish(Finished(found, row.elapsed_s or 0.0))
        else:
            job.publish(row.failed or Cancelled(found))
        return job

    def _stored(self, job: Job) -> dict[int, Picture]:
        """What of `job` a process before this one has stored: place in the batch -> picture."""
        row = self._ledger.find(job.id) if job.id in self._taken_up else None
        return self._pictures(row) if row else {}

    def _pictures(self, row: JobRow) -> dict[int, Picture]:
        pictures = {}
        for number, id in row.pictures.items():
            with suppress(NotFound):
                pictures[number] = self._read(id)
        return pictures


def _job(row: JobRow) -> Job:
    try:
        return Job(row.id, GenerationRequest.parse(row.request), row.owner, row.created_s)
    except InvalidRequest as error:
        raise NotFound(
            f"Job {row.id} is of another version of the studio. This one does not understand its "
            f"settings: {error}"
        ) from None

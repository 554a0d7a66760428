"""What jobs leave behind, as jobs, pictures and ends: kept before anybody hears of it.

After any end of the process what was submitted is there again, in order, what was under way starts
again, and what a job has stored it does not store again.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from studio.domain.errors import InvalidRequest, NotAllowed, NotFound
from studio.domain.events import FINAL, Cancelled, Event, Failed, Finished, Picture, Preview
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


class Judge(Protocol):
    """Says what of an account may be kept, and be seen while it is drawn."""

    def picture(self, picture: Picture, account: str) -> Picture:
        """It, as it may be kept. Raises `NotAllowed` where it may not."""

    def preview(self, jpeg: bytes, account: str) -> bytes:
        """It, as it may be seen."""


def _passing(picture: Picture, owner: str) -> Picture:
    return picture


class Keeping:
    """
    keep    as above; of a job that is not to be kept its pictures are only held, by `hold`
    read    gives the stored picture of an id; raises `NotFound`
    ledger  remembers the jobs; by default as long as the process lasts
    room    of the disk to which pictures go; None: nobody looks
    use     is told of each request whose pictures, which it begins with, must stay
    judge   sees each picture before anything else does; None: nobody
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
        judge: Judge | None = None,
    ) -> None:
        self._keep, self._read, self._room = keep, read, room
        self._hold, self._use, self._judge = hold, use, judge
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
        was drawn to its end. What may not be kept is not among them, and it has failed where none
        may."""
        if isinstance(event, Preview) and self._judge:
            return dataclasses.replace(event, jpeg=self._judge.preview(event.jpeg, job.owner))
        if not isinstance(event, (Finished, Cancelled)):
            return event
        if job in self._interrupted:
            return Cancelled(())
        drawn = event.pictures
        if not job.is_kept and isinstance(event, Cancelled):
            drawn = ()
        there = self._stored(job) if job.is_kept else {}
        judged, refused = self._judged(job, drawn, there)
        if refused and not judged:
            return Failed.of(refused) if isinstance(event, Finished) else Cancelled(())
        kept = [self._with_one_kept(job, number, one, there) for number, one in judged.items()]
        return dataclasses.replace(event, pictures=tuple(kept))

    def _with_one_kept(
        self, job: Job, number: int, picture: Picture, there: Mapping[int, Picture]
    ) -> Picture:
        if not job.is_kept:
            return self._hold(picture, job.owner)
        kept = there.get(number) or self._keep(picture, Claim(job.id, number, job.owner))
        if kept.path is None and self._room:
            self._room.look()
        return kept

    def _judged(
        self, job: Job, drawn: Sequence[Picture], there: Mapping[int, Picture]
    ) -> tuple[dict[int, Picture], NotAllowed | None]:
        """(Place among those drawn -> what of it may be kept, why another may not)."""
        judged: dict[int, Picture] = {}
        refused = None
        for number, picture in enumerate(drawn):
            try:
                is_new = self._judge and number not in there
                judged[number] = self._judge.picture(picture, job.owner) if is_new else picture
            except NotAllowed as error:
                refused = error
        if refused and judged:
            missing = len(drawn) - len(judged)
            note = f"{missing} of {len(drawn)} pictures {'is' if missing == 1 else 'are'} missing."
            for number, picture in judged.items():
                warnings = (*picture.warnings, f"{note} {refused.message}")
                judged[number] = dataclasses.replace(picture, warnings=warnings)
        return judged, refused

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

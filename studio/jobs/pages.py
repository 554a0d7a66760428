"""The list of jobs, a page at a time: those under way, those that wait in their order, then those
that have ended, newest first. It is cleared here, too."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from studio.jobs.job import Job, JobState
from studio.jobs.keeping import Keeping
from studio.jobs.queue import JobQueue
from studio.store.cursor import cursor, values_of

ENDED = (JobState.FINISHED, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True)
class Page:
    """`next` is the cursor of the page after it, None where this is the last."""

    jobs: list[Job]
    next: str | None


class Pages:
    """What `queue` has in memory and `keeping` in the ledger, as one list."""

    def __init__(self, queue: JobQueue, keeping: Keeping) -> None:
        self._queue, self._keeping = queue, keeping

    def page(
        self,
        limit: int,
        before: str | None = None,
        state: JobState | None = None,
        owner: str | None = None,
    ) -> Page:
        """At most `limit` jobs, from the cursor `before` on, only those in `state` and of `owner`
        where these are given. Raises `InvalidRequest` where `before` is none of ours."""
        last, ended_s = values_of(before, str, float) if before else ("", 0.0)
        found = [] if ended_s else self._to_do(last, state, owner)
        if len(found) <= limit and state in (None, *ENDED):
            seen = {job.id for job in found}
            after = (ended_s, last) if ended_s else None
            ended = self._ended(limit + 1, after, state, owner)
            found += [job for job in ended if job.id not in seen]
        if len(found) <= limit:
            return Page(found, None)
        last_shown = found[limit - 1]
        return Page(found[:limit], cursor(last_shown.id, last_shown.ended_s or 0.0))

    def clear(self, states: Collection[JobState], may: Callable[[str], bool]) -> int:
        """Forget the jobs in `states`, QUEUED or some of `ENDED`, of the owners of whom `may` is
        true; their pictures stay. How many these were."""
        gone = set()
        if JobState.QUEUED in states:
            for job in self._queue.to_do():
                if job.state is JobState.QUEUED and may(job.owner):
                    self._queue.delete(job.id)
                    gone.add(job.id)
        ended = [state for state in states if state in ENDED]
        owners = self._keeping.ended_owners(ended)
        owners |= {job.id: job.owner for job in self._queue.jobs() if job.state in ended}
        over = {id for id, owner in owners.items() if may(owner)} - gone
        self._queue.forget(over)
        return len(gone) + len(over)

    def _to_do(self, last: str, state: JobState | None, owner: str | None) -> list[Job]:
        """Those that have not ended, after that of the id `last`; all where it has ended."""
        jobs = self._queue.to_do()
        ids = [job.id for job in jobs]
        rest = jobs[ids.index(last) + 1 :] if last in ids else jobs
        return [job for job in rest if state in (None, job.state) and owner in (None, job.owner)]

    def _ended(
        self,
        limit: int,
        before: tuple[float, str] | None,
        state: JobState | None,
        owner: str | None,
    ) -> list[Job]:
        """Those in memory, whose pictures may be nowhere else, and those in the ledger."""
        found = {job.id: job for job in self._keeping.ended_jobs(limit, before, state, owner)}
        for job in self._queue.jobs():
            at = job.ended_s, job.id
            if (
                job.ended_s is not None
                and job.is_kept
                and job.events.closed
                and (before is None or at < before)
                and state in (None, job.state)
                and owner in (None, job.owner)
            ):
                found[job.id] = job
        return sorted(found.values(), key=lambda job: (job.ended_s, job.id), reverse=True)[:limit]

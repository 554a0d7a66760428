"""What is foretold: how long jobs take, when they begin, and whether there is memory for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from studio.domain.events import Progress
from studio.domain.request import GenerationRequest
from studio.engine.protocol import Memory
from studio.jobs.forecasts import Forecasts
from studio.jobs.job import Job
from studio.jobs.line import Line
from studio.jobs.workload import learned_by


@dataclass(frozen=True)
class Foretold:
    """`seconds` of work, and after how many it begins; None: not known."""

    seconds: float | None = None
    waits_s: float | None = None


class Outlook:
    """For the jobs of `line`.

    complete  a request as it was asked, and the account that asks -> one with nothing left open;
              raises `InvalidRequest`
    memory    what a settled request takes of it, None where that is not known; waits for nobody
    """

    def __init__(
        self,
        line: Line,
        forecasts: Forecasts,
        complete: Callable[[GenerationRequest, str], GenerationRequest],
        memory: Callable[[GenerationRequest], Memory | None],
    ) -> None:
        self._line, self._forecasts = line, forecasts
        self._complete, self._memory = complete, memory

    def of_request(self, request: GenerationRequest, owner: str) -> tuple[Foretold, Memory | None]:
        """Of `request` as if `owner` submitted it now. Raises `InvalidRequest`, and its kinds."""
        settled = self._complete(request, owner)
        parts = self._forecasts.workload(settled)
        seconds = self._forecasts.seconds(learned_by(settled), parts)
        turn_s = self._forecasts.turn_s(learned_by(settled), parts)
        running, before = self._line.before(owner, settled.checkpoint, turn_s)
        waits_s = None if self._line.paused else self._end(running, before)
        return Foretold(seconds, waits_s), self._memory(settled)

    def of_job(self, job: Job) -> Foretold:
        """Nothing where it has ended."""
        if job.events.closed:
            return Foretold()
        if job in self._line.running:
            return Foretold(self._seconds(job), 0.0)
        return self.of_jobs().get(job.id, Foretold())

    def of_jobs(self) -> dict[str, Foretold]:
        """By the ids of those that run and those that wait."""
        running, waiting = self._line.running, self._line.order()
        foretold = {job.id: Foretold(self._seconds(job), 0.0) for job in running}
        free_s = None if self._line.paused else self._end(running, [])
        for job in waiting:
            seconds = self._seconds(job)
            foretold[job.id] = Foretold(seconds, free_s)
            free_s = None if free_s is None or seconds is None else free_s + seconds
        return foretold

    def _end(self, running: list[Job], waiting: list[Job]) -> float | None:
        """In how many seconds those that run, and then those that wait, will have been drawn."""
        left = [self._left(job) for job in running]
        following = [self._seconds(job) for job in waiting]
        if None in left or None in following:
            return None
        return max(left, default=0.0) + sum(following)

    def _seconds(self, job: Job) -> float | None:
        return self._forecasts.seconds(learned_by(job.request), job.parts)

    def _left(self, job: Job) -> float | None:
        """What its steps tell, else what was foretold."""
        progress = job.events.newest(Progress)
        if progress is not None and progress.eta_s is not None:
            return progress.eta_s
        seconds = self._seconds(job)
        return None if seconds is None else max(0.0, seconds - job.used_s)

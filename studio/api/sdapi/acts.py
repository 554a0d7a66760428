"""What a caller has under way: its call waits for its jobs, which end with it.

One call of a caller at a time, in the order in which they came, as these programs expect; between
callers the queue's turns are fair.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from studio.domain.accounts import may_change
from studio.domain.events import Failed, Picture
from studio.domain.grids import GridInput
from studio.domain.request import GenerationRequest
from studio.jobs.grids import Grids
from studio.jobs.job import Job
from studio.jobs.queue import JobQueue

_LOOK_S = 30.0
_MOST_CALLERS = 1000
_MOST_REMEMBERED = 200
"""Calls that have ended, by their ids."""


@dataclass
class Drawn:
    """`pictures` in their order, which are sent where they are `shown`; PNG files that are sent
    before them, `sheets`, and after them, `maps` of ControlNet units."""

    pictures: list[Picture] = field(default_factory=list)
    sheets: list[bytes] = field(default_factory=list)
    maps: list[bytes] = field(default_factory=list)
    shown: bool = True


Plan = Generator[Sequence[GenerationRequest] | GridInput, list[list[Picture]], Drawn]
"""What a call draws: yields requests that are submitted together, or a grid, is sent the pictures
of each of their jobs, and returns what there is in the end. It runs in a thread of its own."""
Result = TypeVar("Result")


class Act:
    """One call: `job_count` jobs, as far as is known (−1: not yet), of which `jobs` were submitted
    so far."""

    def __init__(self, id: str, owner: str) -> None:
        self.id, self.owner = id, owner
        self.jobs: list[Job] = []
        self.came = datetime.now()
        self.began_s: float | None = None
        self.job_count = -1
        self.interrupted = self.skipped = False
        self.ended = False

    @property
    def job(self) -> Job | None:
        """The one that draws, or is the next to."""
        return next((job for job in self.jobs if not job.events.closed), None)

    @property
    def job_number(self) -> int:
        """How many have ended."""
        return sum(job.events.closed for job in self.jobs)


class _Caller:
    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self.acts: list[Act] = []


class Acts:
    """Those of all callers. Its coroutines run in one event loop; all else may be asked from any
    thread."""

    def __init__(self, queue: JobQueue, grids: Grids) -> None:
        self._queue, self._grids = queue, grids
        self._callers: OrderedDict[str, _Caller] = OrderedDict()
        self._by_id: OrderedDict[str, Act] = OrderedDict()
        self._lock = threading.Lock()

    def now(self, account: str) -> Act | None:
        """The one that is under way for `account`."""
        with self._lock:
            caller = self._callers.get(account)
            return caller.acts[0] if caller and caller.acts else None

    def waiting(self, account: str) -> list[Act]:
        """Those under way and those that wait for their turn."""
        with self._lock:
            caller = self._callers.get(account)
            return list(caller.acts) if caller else []

    def find(self, id: str, account: str) -> Act | None:
        """By the id that its caller gave it."""
        with self._lock:
            act = self._by_id.get(id)
        return act if act and may_change(account, act.owner) else None

    def interrupt(self, account: str) -> None:
        """End what is under way for `account`; its call is answered with what there is."""
        act = self.now(account)
        if act:
            act.interrupted = True
            self._stop(act.jobs)

    def skip(self, account: str) -> None:
        """End the job that is at work, and go on with the next."""
        act = self.now(account)
        job = act and act.job
        if job:
            act.skipped = True
            self._stop([job])

    async def run(self, http: Request, account: str, id: str, work: Callable[[Act], Plan]) -> Drawn:
        """What the plan of `work` comes to, which is called in a thread. Raises `ClientDisconnect`
        once the caller has left, whose jobs end; else as `work` and `JobQueue.submit_all` do, and
        for a job that failed what it failed by."""
        act = Act(id or secrets.token_urlsafe(12), account)
        drawing = asyncio.ensure_future(self._in_turn(act, work))
        leaving = asyncio.ensure_future(_left(http))
        try:
            await asyncio.wait({drawing, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not drawing.done():
                raise ClientDisconnect
            return await drawing
        finally:
            leaving.cancel()
            drawing.cancel()
            await asyncio.gather(drawing, leaving, return_exceptions=True)

    async def _in_turn(self, act: Act, work: Callable[[Act], Plan]) -> Drawn:
        caller = self._entered(act)
        try:
            async with caller.turn:
                act.began_s = time.monotonic()
                return await self._drawn(act, work)
        finally:
            with self._lock:
                caller.acts.remove(act)
            act.ended = True
            self._stop(act.jobs)
            act.jobs = []  # with their pictures

    def _entered(self, act: Act) -> _Caller:
        with self._lock:
            caller = self._callers.setdefault(act.owner, _Caller())
            self._callers.move_to_end(act.owner)
            caller.acts.append(act)
            idle = [name for name, each in self._callers.items() if not each.acts]
            for name in idle[: max(0, len(self._callers) - _MOST_CALLERS)]:
                del self._callers[name]
            self._by_id[act.id] = act
            while len(self._by_id) > _MOST_REMEMBERED:
                self._by_id.popitem(last=False)
            return caller

    async def _drawn(self, act: Act, work: Callable[[Act], Plan]) -> Drawn:
        plan = await run_in_threadpool(work, act)
        pictures: list[list[Picture]] | None = None
        while True:
            step = await run_in_threadpool(self._next, act, plan, pictures)
            if isinstance(step, Drawn):
                return step
            for job in step:
                await _ended(job)
            failed = next(filter(None, (job.events.newest(Failed) for job in step)), None)
            if failed:
                raise failed.cause
            pictures = [list(job.pictures) for job in step]

    def _next(
        self, act: Act, plan: Plan, pictures: list[list[Picture]] | None
    ) -> list[Job] | Drawn:
        """The plan's next jobs, submitted, or what it comes to."""
        try:
            asked = plan.send(pictures) if pictures is not None else next(plan)
        except StopIteration as end:
            return end.value
        if isinstance(asked, GridInput):
            grid = self._grids.submit(asked, None, act.owner)
            jobs = [grid.jobs[place] for place in sorted(grid.jobs, key=lambda at: at[::-1])]
        else:
            jobs = self._queue.submit_all(asked, owner=act.owner)
        # Here, so that they are known whatever becomes of the coroutine that waits.
        act.jobs += jobs
        act.job_count = max(act.job_count, len(act.jobs))
        if act.interrupted or act.ended:
            self._stop(jobs)
        return jobs

    def _stop(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            if not job.events.closed:
                self._queue.cancel(job.id)


async def _ended(job: Job) -> None:
    seen = 0
    while not job.events.closed:
        news = await job.events.wait(seen, _LOOK_S)
        seen = max([seen, *(number for number, _ in news)])


async def _left(http: Request) -> None:
    """Returns once the caller has gone; its body was read."""
    while (await http.receive())["type"] != "http.disconnect":
        pass


def at_once(requests: Sequence[GenerationRequest]) -> Plan:
    """All of them together."""
    jobs = yield requests
    return Drawn([picture for pictures in jobs for picture in pictures])

"""The jobs that wait and those under way, and what threads tell each other about them."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterable, Mapping
from itertools import takewhile

from studio.domain.errors import InvalidRequest, QueueFull
from studio.domain.events import Cancelled, Loading, Queued
from studio.domain.request import GenerationRequest
from studio.jobs.errands import Errands
from studio.jobs.job import Job
from studio.jobs.side_work import SideWork
from studio.jobs.turns import Turn, Turns

MAX_WAITING = 200
"""Of one account."""
MAX_WAITING_OF_ALL = 1000


class Line:
    """Safe from many threads. `patience_s` as for `Turns`; `paused`: no more jobs are begun.
    `errands` are what else the device's thread is asked for."""

    def __init__(self, patience_s: float, paused: bool) -> None:
        self._turns = Turns(patience_s)
        self._waiting: dict[str, tuple[Job, Turn]] = {}
        self._beside: dict[str, tuple[SideWork, Turn]] = {}
        self._running: dict[Job, Turn] = {}
        self._models: str | None = None  # those of the job that was begun last
        self._to_load: GenerationRequest | None = None
        self._changed = threading.Condition(threading.RLock())
        self.errands = Errands(self._changed)
        self._is_starting, self._is_closed, self._paused = True, False, paused

    def check(self, owner: str, count: int = 1) -> None:
        """Raises `QueueFull` where `count` more jobs of `owner` may not come."""
        with self._changed:
            if self._is_closed:
                raise QueueFull("The studio is closing and takes no more jobs. Start it again.")
            own = len(self._turns.of(owner))
            more = f" and {count} more are too many" if count > 1 else ""
            if own + count > MAX_WAITING:
                raise QueueFull(
                    f"{own} jobs are waiting already{more}. Try again when some are done, or "
                    "cancel some."
                )
            if len(self._waiting) + count > MAX_WAITING_OF_ALL:
                raise QueueFull(
                    f"{len(self._waiting)} jobs are waiting already{more}. Try again when some are "
                    "done."
                )

    def add(self, jobs: Mapping[Job, float]) -> None:
        """Each the last of its owner's; it is about so many seconds of work. Where nothing more is
        begun they are told so."""
        with self._changed:
            for job, seconds in jobs.items():
                if self._is_closed:
                    job.publish(Cancelled(()))
                    continue
                turn = Turn(job.id, job.owner, job.request.checkpoint, seconds)
                self._waiting[job.id] = job, turn
                self._turns.add(turn)
            self._tell_positions()
            self._changed.notify_all()

    def remove(self, job: Job) -> bool:
        """It waits no longer. False: it did not."""
        with self._changed:
            if job.id not in self._waiting:
                return False
            _, turn = self._waiting.pop(job.id)
            self._turns.remove(turn)
            self._tell_positions()
            return True

    def move(self, job: Job, position: int) -> list[Job]:
        """Let `job` wait at `position` among those that wait, 0 being the next: as near to it as it
        can come by changing places with others of its owner. The new order of these. Raises
        `InvalidRequest` where it does not wait."""
        with self._changed:
            if job.id not in self._waiting:
                raise InvalidRequest(
                    f"Job {job.id} does not wait: it is {job.state.value}. Only jobs that wait can "
                    "be moved.",
                    "position",
                )
            others = [each for each in self.order() if each is not job]
            before = [each for each in others[:position] if each.owner == job.owner]
            self._turns.move(self._waiting[job.id][1], len(before))
            self._tell_positions()
            return self._jobs(self._turns.of(job.owner))

    def order(self) -> list[Job]:
        """Those that wait, as they will be begun."""
        with self._changed:
            return self._jobs(self._turns.order(time.monotonic(), self._models))

    def before(self, owner: str, models: str, seconds: float) -> tuple[list[Job], list[Job]]:
        """(those under way, those that would be begun before a job of `owner` that came now)."""
        coming = Turn(None, owner, models, seconds)
        with self._changed:
            order = self._turns.order(time.monotonic(), self._models, coming)
            earlier = takewhile(lambda turn: turn is not coming, order)
            return list(self._running), self._jobs(earlier)

    def _jobs(self, turns: Iterable[Turn]) -> list[Job]:
        return [self._waiting[turn.id][0] for turn in turns if turn.id in self._waiting]

    @property
    def running(self) -> list[Job]:
        """Those under way."""
        with self._changed:
            return list(self._running)

    def __len__(self) -> int:
        """How many wait or run."""
        with self._changed:
            return len(self._waiting) + len(self._running)

    @property
    def paused(self) -> bool:
        return self._paused

    def pause(self, paused: bool) -> None:
        with self._changed:
            self._paused = paused
            self._changed.notify_all()

    def load(self, request: GenerationRequest) -> None:
        """Once nothing is under way and nobody waits, what `request` is drawn with is to be brought
        into memory: the newest such wish counts."""
        with self._changed:
            self._to_load = request
            self._changed.notify_all()

    @property
    def to_load(self) -> GenerationRequest | None:
        """The wish that is being met, or is next to be."""
        with self._changed:
            return None if self._running or self._is_held_up() else self._to_load

    def loaded(self, wish: GenerationRequest | None = None) -> None:
        """It is met, or given up; None: whichever there is."""
        with self._changed:
            if wish is None or self._to_load is wish:
                self._to_load = None

    def _is_held_up(self) -> bool:
        """Somebody waits who has another checkpoint drawn, which would have to be loaded then."""
        turn = self._next()
        held = turn and turn.models is not None
        return bool(held and self._to_load and turn.models != self._to_load.checkpoint)

    def started(self) -> None:
        """The engine is there, or cannot be."""
        self._is_starting = False

    def close(self) -> list[Job]:
        """Nothing more is begun. Those that waited."""
        with self._changed:
            self._is_closed, self._to_load = True, None
            self.errands.close()
            left = self.order()
            for job in left:
                self._turns.remove(self._waiting.pop(job.id)[1])
            for work in [work for work, _ in self._beside.values()]:
                self.withdraw(work)
            self._changed.notify_all()
            return left

    def is_wanted(self, under_way: Collection) -> bool:
        """Waits until there is something to do, which there is where something is `under_way`.
        False: nothing any more."""
        with self._changed:
            self._changed.wait_for(lambda: under_way or self._has_work())
            return bool(under_way) or not self._is_closed

    def has_work_within(self, seconds: float) -> bool:
        """Waits until there is something to do or the end has come, at most so long."""
        with self._changed:
            return self._changed.wait_for(self._has_work, seconds)

    def _has_work(self) -> bool:
        waits = (self._waiting or self._beside) and not self._paused
        return bool(waits or self._to_load or self.errands or self._is_closed)

    def pass_time(self, seconds: float) -> None:
        """Waits so long, or until something changes."""
        with self._changed:
            if not self._is_closed:
                self._changed.wait(seconds)

    def next(self) -> Job | None:
        """Whose turn it is; None: no job's."""
        with self._changed:
            turn = self._next()
            return self._waiting[turn.id][0] if turn and turn.id in self._waiting else None

    def _next(self) -> Turn | None:
        if self._paused or self.errands.is_held_up:
            return None
        return self._turns.next(time.monotonic(), self._models)

    def offer(self, work: SideWork) -> None:
        """A step of it waits for its turn, the last of its owner's. Harmless where one does."""
        with self._changed:
            if self._is_closed or work.id in self._beside:
                return
            turn = Turn(work.id, work.owner, None, 0.0)
            self._beside[work.id] = work, turn
            self._turns.add(turn)
            self._changed.notify_all()

    def withdraw(self, work: SideWork) -> None:
        """None of its steps waits any more."""
        with self._changed:
            _, turn = self._beside.pop(work.id, (work, None))
            if turn is not None:
                self._turns.remove(turn)

    def begin_step(self) -> SideWork | None:
        """What is to be done a step of, which waits no longer; None: it is not the turn of any."""
        with self._changed:
            turn = self._next()
            if turn is None or turn.id not in self._beside:
                return None
            self._turns.begin(turn, time.monotonic())
            return self._beside.pop(turn.id)[0]

    def end_step(self, work: SideWork, seconds: float) -> None:
        """It had so many of the device."""
        with self._changed:
            self._turns.settle(work.owner, seconds)

    def begin(self, job: Job) -> bool:
        """It runs from now on. False: it was cancelled meanwhile."""
        with self._changed:
            if job.id not in self._waiting:
                return False
            _, turn = self._waiting.pop(job.id)
            self._turns.begin(turn, time.monotonic())
            self._running[job] = turn
            self._models = job.request.checkpoint
            self._tell_positions()
            return True

    def end(self, job: Job) -> None:
        """It runs no more, and had `job.used_s` of the device."""
        with self._changed:
            turn = self._running.pop(job)
            self._turns.settle(job.owner, job.used_s - turn.seconds)
            self._tell_positions()

    def _tell_positions(self) -> None:
        order = self.order()
        for place, job in enumerate(order, len(self._running)):
            if job.events.newest(Queued) != Queued(place):
                job.publish(Queued(place))
        if self._is_starting and order and not order[0].events.newest(Loading):
            order[0].publish(Loading("the engine", 0.0))

"""The one thread that owns the device.

The next job joins those under way where the engine says that it pays; else it waits for their end,
and all behind it too, so that nobody is overtaken again and again."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

from studio.domain import malloc
from studio.domain.errors import StudioError
from studio.domain.events import Event, Failed, Started
from studio.domain.request import GenerationRequest
from studio.engine.protocol import Engine, Run
from studio.jobs.job import Job
from studio.jobs.keeping import Keeping
from studio.jobs.line import Line

log = logging.getLogger(__name__)

REST_S = 20.0
"""After so long without work the memory of the last is given back to the system."""

ROOM_S = 5.0
"""A disk that takes nothing is tried again after so long."""


class Worker:
    """Runs the jobs of `line`. `build_engine` is called in its thread, and so is `learn` with each
    job that has ended."""

    def __init__(
        self,
        build_engine: Callable[[], Engine],
        line: Line,
        keeping: Keeping,
        learn: Callable[[Job], None],
    ) -> None:
        self._build_engine = build_engine
        self._line = line
        self._keeping = keeping
        self._learn = learn

    def work(self) -> None:
        """Until the line is closed and what was under way has ended."""
        engine: Engine | None = None
        try:
            engine = self._build_engine()
        except Exception:  # tried again with the next job, which then says why
            log.exception("the engine could not be started")
        self._line.started()
        under_way: dict[Run, Job] = {}
        while self._is_wanted(under_way):
            if not under_way and self._keeping.is_held() and not self._line.errands:
                self._line.pass_time(ROOM_S)
                self._keeping.look_for_room()
                continue
            try:
                engine = engine or self._build_engine()
            except Exception as error:
                self._line.loaded()
                self._line.errands.fail(error)
                job = self._line.next()
                if job is None:
                    self._step_beside()
                elif self._line.begin(job):
                    self._end(job, _failed(error))
                continue
            self._line.errands.go_on(is_alone=not under_way)
            while (job := self._joining(engine, under_way)) is not None:
                self._begin(engine, under_way, job)
            if under_way:
                self._advance(engine, under_way)
            elif (wish := self._line.to_load) is not None:
                self._load(engine, wish)
            else:
                self._step_beside()

    def _step_beside(self) -> None:
        """One step of what is done between drawings, where it is the turn of any."""
        work = self._line.begin_step()
        if work is None:
            return
        since_s = time.monotonic()
        has_more = work.step()
        self._line.end_step(work, time.monotonic() - since_s)
        if has_more:
            self._line.offer(work)

    def _is_wanted(self, under_way: Mapping[Run, Job]) -> bool:
        if not under_way and not self._line.has_work_within(REST_S):
            malloc.give_back()
        return self._line.is_wanted(under_way)

    def _load(self, engine: Engine, wish: GenerationRequest) -> None:
        """Until it is in memory, somebody waits for another checkpoint, or wishes for one."""
        try:
            run = engine.load(wish)
            while not run.done:
                if self._line.to_load is not wish:
                    run.cancel()
                for _, event in engine.advance([run]):
                    if isinstance(event, Failed):  # told again where it is to draw
                        log.warning("%s: %s", wish.checkpoint, event.message)
        except Exception as error:
            log.warning("%s: %s", wish.checkpoint, error)
        finally:
            self._line.loaded(wish)

    def _joining(self, engine: Engine, under_way: Mapping[Run, Job]) -> Job | None:
        """Whose turn it is, where it may begin beside those under way."""
        if self._keeping.is_held():
            return None
        job = self._line.next()
        if job is None or (under_way and not engine.joins(job.request, [*under_way])):
            return None
        return job

    def _begin(self, engine: Engine, under_way: dict[Run, Job], job: Job) -> None:
        if not self._line.begin(job):
            return
        try:
            self._keeping.begun(job)
            end = self._keeping.end_before(job)
            if end is not None:  # before the process ended once; told now
                self._end(job, end)
                return
            run = engine.open(job.request, job.wants_preview)
            under_way[run] = job
            job.ends_with(run.cancel)
        except Exception as error:  # whatever it was, the queue goes on
            self._end(job, _failed(error))

    def _advance(self, engine: Engine, under_way: dict[Run, Job]) -> None:
        """One step of all that is under way. What has ended is no longer."""
        since_s = time.monotonic()
        try:
            happened = engine.advance([*under_way])
        except Exception as error:  # the last guard: whatever it was, the queue goes on
            for job in under_way.values():
                self._end(job, _failed(error))
            under_way.clear()
            return
        took_s = time.monotonic() - since_s
        for job in under_way.values():
            job.used_s += took_s / len(under_way)
            job.shared = job.shared or len(under_way) > 1
        for run, event in happened:
            job = under_way[run]
            if isinstance(event, Started) and job.loaded_s is None:
                job.loaded_s = job.used_s
            try:
                self._keeping.tell(job, self._keeping.with_pictures_kept(job, event))
            except Exception as error:
                run.cancel()
                self._keeping.tell(job, _failed(error))
        for run in [run for run in under_way if run.done]:
            self._end(under_way.pop(run))

    def _end(self, job: Job, event: Event | None = None) -> None:
        """`job` runs no more; it is told `event` as its last, unless it was told."""
        if event is not None:
            self._keeping.tell(job, event)
        job.ends_with(None)  # a job outlives its run, which holds models
        self._line.end(job)
        if job.is_kept:
            self._learn(job)


def _failed(error: Exception) -> Failed:
    if isinstance(error, StudioError):
        return Failed.of(error)
    log.error("a job ended unexpectedly", exc_info=error)
    return Failed("EngineError", f"The job ended unexpectedly: {error!r}")

"""A training that learns between two times of the day only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime

from studio.domain.hours import Hours
from studio.domain.training import Remark, Stopped, TrainingEvent, Waiting
from studio.training import running
from studio.training.running import Task

_LOOK_S = 1.0
"""So often it asks whether it is to stop while it waits. The clock may be set meanwhile."""


def train(
    task: Task,
    hours: Hours,
    now: Callable[[], datetime] = datetime.now,
    rest: Callable[[float], None] = time.sleep,
) -> Iterator[TrainingEvent]:
    """As `running.train`, in `hours` alone: when they are over, what was learnt is kept and the
    memory given back; when they begin again it goes on, to the bit as if it had never stopped.
    `now` is the local time. Raises as it does."""
    told: set[TrainingEvent] = set()
    ends = lambda: task.stopped() or not hours.has(now())  # noqa: E731
    while True:
        if not hours.has(now()):
            yield Waiting(hours.since)
        while not hours.has(now()):
            if task.stopped():
                yield running.stopped_before(task)
                return
            rest(_LOOK_S)
        with closing(running.train(replace(task, stopped=ends))) as events:
            for event in events:
                if isinstance(event, Stopped) and not task.stopped():
                    break
                if event not in told:
                    yield event
                if isinstance(event, Remark):
                    told.add(event)
            else:
                return
        task = replace(task, resumes=True)

"""One training on its way: who asked, where it stands, what it was told to do."""

from __future__ import annotations

import json
import time
from enum import StrEnum
from typing import Any

from studio.domain.events import Cancelled, Failed
from studio.domain.training import Done, Preparing, Remark, Stopped, Trained, TrainingEvent
from studio.domain.training_order import TrainingOrder
from studio.jobs.stream import EventStream
from studio.store.trainings import TrainingRow
from studio.tuning.curve import Curve

FINAL = (Done, Failed, Cancelled)


class TrainingState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Wish(StrEnum):
    """What is to be done after the step under way."""

    PAUSE = "pause"
    STOP = "stop"
    CANCEL = "cancel"


class TrainingJob:
    """`order` is settled: its name, checkpoint and resolution are chosen.

    state    where it stands; `wish`: what it is to do next, if anybody said so
    step     how many it has learnt; `curve`: their losses
    remarks  what whoever trains should know
    sheets   (step, jobs that draw what it knows then), in their order
    result   what came of it, by its name in the catalog
    message  why it failed
    """

    def __init__(self, id: str, owner: str, order: TrainingOrder, created_s: float) -> None:
        self.id, self.owner, self.order, self.created_s = id, owner, order, created_s
        self.state, self.wish = TrainingState.QUEUED, None
        self.step, self.curve = 0, Curve()
        self.remarks: list[str] = []
        self.sheets: list[tuple[int, list[str]]] = []
        self.result: str | None = None
        self.message: str | None = None
        # Begins anew after a restart: with numbers that nobody has seen.
        self.events = EventStream(max(0, round(1000 * (time.time() - created_s))), FINAL)

    def publish(self, event: TrainingEvent | Failed | Cancelled) -> None:
        """Record what happened."""
        match event:
            case Preparing():
                self.state = TrainingState.RUNNING
            case Trained(step, _, loss, validation):
                self.state, self.step = TrainingState.RUNNING, step
                self.curve.add(step, loss, validation)
            case Remark(text):
                if text not in self.remarks:
                    self.remarks.append(text)
            case Stopped(step):
                self.state, self.step = TrainingState.PAUSED, step
            case Done():
                self.state = TrainingState.FINISHED
            case Failed():
                self.state, self.message = TrainingState.FAILED, event.message
            case Cancelled():
                self.state = TrainingState.CANCELLED
        self.events.publish(event)

    def begin_again(self) -> None:
        """It waits for its turn."""
        if self.events.closed:
            self.events = EventStream(self.events.count, FINAL)
        self.state, self.message = TrainingState.QUEUED, None

    def row(self) -> TrainingRow:
        """As the ledger keeps it."""
        told = {
            "step": self.step,
            "curve": self.curve.told(),
            "remarks": self.remarks,
            "sheets": self.sheets,
            "result": self.result,
            "message": self.message,
            "wish": self.wish,
        }
        asked = self.order.model_dump_json()
        return TrainingRow(self.id, self.owner, self.created_s, asked, self.state, json.dumps(told))

    @classmethod
    def of_row(cls, row: TrainingRow) -> TrainingJob:
        """Raises ValueError where an older or newer studio wrote it in another way."""
        told: dict[str, Any] = json.loads(row.told)
        job = cls(row.id, row.owner, TrainingOrder.model_validate_json(row.asked), row.created_s)
        job.state = TrainingState(row.state)
        job.step, job.curve = told["step"], Curve(told["curve"])
        job.remarks, job.result, job.message = told["remarks"], told["result"], told["message"]
        job.sheets = [(step, list(jobs)) for step, jobs in told["sheets"]]
        job.wish = Wish(told["wish"]) if told["wish"] else None
        return job

"""Training a LoRA: one step of the work each time that the next event is asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.domain import errors
from studio.domain.refs import ModelRef
from studio.domain.training import (
    Done,
    LoraTraining,
    Remark,
    Stopped,
    Trained,
    TrainingEvent,
)
from studio.residence.device import choose_device
from studio.training import keeping, models, result
from studio.training.dataset import Dataset
from studio.training.models import Pictures
from studio.training.trainer import Lessons, Trainer

MOST_RETURNS = 6
"""So often a training goes back to what it kept, with half the rate, before it gives up."""


@dataclass(frozen=True)
class Task:
    """What is to be trained, and where.

    training  with its name, and the resolution chosen
    dataset   what it learns from
    ref       the checkpoint; `sha256` its hash, if it is known
    target    the file that comes of it
    kept_in   the folder in which the training is kept, to go on
    device    as on the command line
    resumes   whether it goes on from there
    stopped   asked between steps: is it to stop?
    """

    training: LoraTraining
    dataset: Dataset
    ref: ModelRef
    target: Path
    kept_in: Path
    sha256: str | None = None
    device: str = "auto"
    resumes: bool = False
    stopped: Callable[[], bool] = lambda: False


def train(task: Task) -> Iterator[TrainingEvent]:
    """Train, yielding what happens, at last `Done` or `Stopped`.

    Raises `InvalidRequest` for what cannot be trained, `EngineError` where the loss is no number
    whatever the rate, `OutOfMemory`, and `SaveError` where the LoRA cannot be written; what was
    learnt is kept then, where there is room for it.
    """
    models.check(task.ref)
    yield from map(Remark, task.dataset.remarks)
    device = choose_device(task.device)
    dtype = models.dtype_of(task.training.precision, device)
    try:
        trainee = models.load(task.ref, device, dtype)
        learnt_from, tested_on = Pictures([], [], []), Pictures([], [], [])
        for pictures, encoded in (
            (task.dataset.pictures, learnt_from),
            (task.dataset.validation, tested_on),
        ):
            yield from trainee.encode(pictures, task.training.resolution, encoded)
        trainee.vae = None
        repeats = [picture.repeats for picture in task.dataset.pictures]
        lessons = Lessons(task.training, task.ref, dtype, learnt_from, repeats, tested_on)
        yield from run(task, Trainer(lessons, trainee))
    except (RuntimeError, MemoryError) as error:
        if not errors.is_out_of_memory(error):
            raise
        raise errors.OutOfMemory(
            f"The memory of {device} ran out. Train with --gradient-checkpointing, a smaller "
            "--batch-size or --resolution, or --precision bfloat16."
        ) from None


def run(task: Task, trainer: Trainer) -> Iterator[TrainingEvent]:
    """What `train` does once everything is in memory. Raises as it does."""
    training, clock = task.training, _Clock()
    if task.resumes:
        trainer.load(_kept(task))
    yield from _keep(task, trainer)
    good, returns, tested = trainer.state(), 0, trainer.tested
    while trainer.step < training.steps:
        if task.stopped():
            keeping.save(task.kept_in, trainer.state())
            yield Stopped(trainer.step)
            return
        loss = trainer.learn()
        if loss is None:
            returns += 1
            if returns > MOST_RETURNS:
                raise errors.EngineError(
                    f"The loss is no number at step {trainer.step + 1}, whatever the learning "
                    "rate. Train with --precision float32, or choose another checkpoint."
                )
            trainer.load(good)
            trainer.halve_rates()
            good = trainer.state()
            yield Remark(
                f"The loss was no number any more: back to step {trainer.step}, with half the "
                f"learning rate ({trainer.rate:.3g})."
            )
            continue
        if trainer.step % training.validate_every == 0 or trainer.step == training.steps:
            tested = trainer.test()
        if trainer.step % training.save_every == 0 or trainer.step == training.steps:
            good = trainer.state()
            yield from _keep(task, trainer)
        left = clock.left(training.steps - trainer.step)
        yield Trained(trainer.step, training.steps, loss, tested, left)
    trainer.finish()
    learnt = trainer.told()
    metadata = result.metadata(training, task.ref, task.sha256, task.dataset, learnt)
    result.save_lora(task.target, trainer.layers.exported(), metadata)
    yield Done(task.target, trainer.step, learnt["loss"])


def _keep(task: Task, trainer: Trainer) -> Iterator[Remark]:
    """A full disk ends no training: there may be room again before its end."""
    try:
        keeping.save(task.kept_in, trainer.state())
    except errors.SaveError as error:
        yield Remark(f"Not kept at step {trainer.step}, the training goes on: {error}")


def _kept(task: Task) -> dict[str, Any]:
    state = keeping.load(task.kept_in)
    if state is None:
        raise errors.InvalidRequest(
            f"There is no training {task.training.name!r} to go on with. Begin it without "
            "--resume, or say its --name."
        )
    return state


class _Clock:
    """Foretells from the steps so far."""

    def __init__(self) -> None:
        self._began_s, self._steps = time.monotonic(), 0

    def left(self, steps: int) -> float | None:
        self._steps += 1
        if self._steps < 3:
            return None
        return (time.monotonic() - self._began_s) / self._steps * steps

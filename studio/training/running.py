"""A training: one step of the work each time that the next event is asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.domain import errors
from studio.domain.refs import ModelRef
from studio.domain.training import (
    KINDS,
    AnyTraining,
    Done,
    LoraTraining,
    Preparing,
    Remark,
    Snapshot,
    Stopped,
    Trained,
    TrainingEvent,
)
from studio.residence.device import choose_device
from studio.residence.memory import give_back
from studio.training import keeping, models, prior, result
from studio.training.dataset import Dataset
from studio.training.lessons import Lessons
from studio.training.models import Pictures
from studio.training.trainer import Trainer

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
    ends      asked between steps: is it to end, with the best that it has learnt?
    snapshot_every
              steps between two files of the same kind that are written meanwhile; 0: none are
    """

    training: AnyTraining
    dataset: Dataset
    ref: ModelRef
    target: Path
    kept_in: Path
    sha256: str | None = None
    device: str = "auto"
    resumes: bool = False
    stopped: Callable[[], bool] = lambda: False
    ends: Callable[[], bool] = lambda: False
    snapshot_every: int = 0

    def snapshot_path(self, step: int) -> Path:
        """As kohya's trainer names them, in a folder of their own beside `target`."""
        name = self.target.stem
        return self.target.parent / name / f"{name}-step{step:08}.safetensors"


def train(task: Task) -> Iterator[TrainingEvent]:
    """Train, yielding what happens, at last `Done` or `Stopped`.

    Raises `InvalidRequest` for what cannot be trained, `EngineError` where the loss is no number
    whatever the rate, `OutOfMemory`, and `SaveError` where the result cannot be written; what was
    learnt is kept then, where there is room for it.
    """
    models.check(task.ref, task.training.kind)
    yield from map(Remark, (*task.training.remarks, *task.dataset.remarks))
    device = choose_device(task.device)
    dtype = models.dtype_of(task.training.precision, device)
    try:
        trainee = models.load(task.ref, device, dtype)
        repeats = [picture.repeats for picture in task.dataset.pictures]
        lessons = Lessons(task.training, task.ref, dtype, Pictures(), repeats, Pictures())
        for event in _prepared(task, trainee, lessons):
            yield event
            if task.stopped():
                yield stopped_before(task)
                return
        yield from run(task, Trainer(lessons, trainee))
    except (RuntimeError, MemoryError) as error:
        if not errors.is_out_of_memory(error):
            raise
        raise errors.OutOfMemory(
            f"The memory of {device} ran out. Train with --gradient-checkpointing, a smaller "
            "--batch-size or --resolution, or --precision bfloat16."
        ) from None
    finally:
        trainee = lessons = None
        give_back(device)


def _prepared(task: Task, trainee: models.Trainee, lessons: Lessons) -> Iterator[Preparing]:
    """Fill `lessons` with what `trainee` makes of the pictures."""
    training, dataset = task.training, task.dataset
    for pictures, encoded in (
        (dataset.pictures, lessons.learnt_from),
        (dataset.validation, lessons.tested_on),
        (dataset.prior, lessons.prior),
    ):
        is_masked = training.masked_loss and encoded is not lessons.prior
        yield from trainee.encode(pictures, training.resolution, encoded, is_masked)
    trainee.vae = None
    if isinstance(training, LoraTraining):
        wanted = prior.prompts(training, dataset)
        yield from prior.draw(wanted, trainee, training, task.kept_in / "prior", lessons.prior)


def stopped_before(task: Task) -> Stopped:
    """Before its first step, or that with which it would have gone on; kept, so that it can go on.
    Raises `SaveError`."""
    if task.resumes:
        return Stopped(_kept(task)["step"])
    keeping.save(task.kept_in, {"training": task.training.model_dump(), "step": 0})
    return Stopped(0)


def run(task: Task, trainer: Trainer) -> Iterator[TrainingEvent]:
    """What `train` does once everything is in memory. Raises as it does."""
    training, clock = task.training, _Clock()
    kept = _kept(task) if task.resumes else {}
    if kept.get("step"):  # else it was stopped before its first step
        trainer.load(kept)
    yield from _keep(task, trainer)
    good, returns = trainer.state(), 0
    while trainer.step < training.steps and not task.ends():
        if task.stopped():
            keeping.save(task.kept_in, trainer.state())
            yield Stopped(trainer.step)
            return
        loss = trainer.learn()
        if loss is None:
            returns += 1
            yield _gone_back(trainer, good, returns)
            good = trainer.state()
            continue
        is_last = trainer.step == training.steps
        if is_last or trainer.step % training.validate_every == 0:
            trainer.test()
        if is_last or trainer.step % training.save_every == 0:
            good = trainer.state()
            yield from _keep(task, trainer)
        left = clock.left(training.steps - trainer.step)
        taken = models.memory_bytes(trainer.device)
        yield Trained(trainer.step, training.steps, loss, trainer.tested, left, taken)
        if task.snapshot_every and trainer.step % task.snapshot_every == 0 and not is_last:
            yield from _snapshot(task, trainer)
    if trainer.step < training.steps:
        keeping.save(task.kept_in, trainer.state())
        if trainer.take_best():
            yield Remark(f"Step {trainer.step} did best on the validation: that one is kept.")
    _write(task, trainer, task.target)
    yield Done(task.target, trainer.step, trainer.told()["loss"])


def _gone_back(trainer: Trainer, good: dict[str, Any], returns: int) -> Remark:
    """To `good`, for the `returns`th time, with half the rate. Raises `EngineError`."""
    if returns > MOST_RETURNS:
        raise errors.EngineError(
            f"The loss is no number at step {trainer.step + 1}, whatever the learning "
            "rate. Train with --precision float32, or choose another checkpoint."
        )
    trainer.load(good)
    trainer.halve_rates()
    return Remark(
        f"The loss was no number any more: back to step {trainer.step}, with half the "
        f"learning rate ({trainer.rate:.3g})."
    )


def _write(task: Task, trainer: Trainer, path: Path) -> None:
    """What it has learnt, as a file of its kind. Raises `SaveError`."""
    metadata = result.metadata(task.training, task.ref, task.sha256, task.dataset, trainer.told())
    result.save(path, trainer.exported(), metadata)


def _snapshot(task: Task, trainer: Trainer) -> Iterator[Snapshot | Remark]:
    """A full disk ends no training."""
    path = task.snapshot_path(trainer.step)
    try:
        _write(task, trainer, path)
    except errors.SaveError as error:
        yield Remark(f"There is no {KINDS[task.training.kind]} of step {trainer.step}: {error}")
    else:
        yield Snapshot(path, trainer.step)


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

"""Trainings with the models, pictures and queue of a studio."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from studio.catalog.catalog import Catalog
from studio.catalog.places import subfolder
from studio.domain.errors import InvalidRequest
from studio.domain.imports import IMPORTING
from studio.domain.loras import LoraInput
from studio.domain.refs import ModelRef
from studio.domain.request import GenerationRequest
from studio.domain.training import Done, LoraTraining, Snapshot, TrainingEvent
from studio.domain.training_order import TrainingOrder
from studio.jobs.queue import JobQueue
from studio.tuning.sets import PictureSets

if TYPE_CHECKING:  # these import torch
    from studio.training.lora import Task


@dataclass(frozen=True)
class StudioSchool:
    """A `trainings.School`.

    models      the folder that LoRAs go into, below the subfolder for their kind
    kept_in     where trainings are kept, to go on
    device      as on the command line
    checkpoint  that of the settings, if they name one
    """

    catalog: Catalog
    sets: PictureSets
    queue: Callable[[], JobQueue]
    models: Path
    kept_in: Path
    device: str
    checkpoint: str | None

    def settled(self, order: TrainingOrder) -> TrainingOrder:
        """With nothing left open. Raises `InvalidRequest` and `NotFound`."""
        training = order.training
        if not training.name:
            training = training.model_copy(update={"name": order.pictures.split("/")[-1]})
        task = self._task(self.sets.folder(order.pictures), training, False)
        return order.model_copy(update={"training": task.training})

    def events(
        self, order: TrainingOrder, stopped: Callable[[], bool], ends: Callable[[], bool]
    ) -> Iterator[TrainingEvent]:
        """As `trainings.School.events`."""
        folder, samples = self.sets.folder(order.pictures), order.samples
        task = self._task(folder, order.training, None)
        every = samples.every if samples.prompts else 0
        return self.work(replace(task, stopped=stopped, ends=ends, snapshot_every=every))

    def train(
        self, folder: Path, training: LoraTraining, resumes: bool, stopped: Callable[[], bool]
    ) -> Iterator[TrainingEvent]:
        """A training of a folder's pictures, beside the queue. Raises as `Studio.train_lora`."""
        return self.work(replace(self._task(folder, training, resumes), stopped=stopped))

    def work(self, task: Task) -> Iterator[TrainingEvent]:
        """What happens; LoRAs are in the catalog when it is told that they are there."""
        from studio.training import lora

        digest = self.catalog.sha256_if_it_can_be(task.ref)
        for event in lora.train(replace(task, sha256=digest)):
            if isinstance(event, (Snapshot, Done)):
                self.catalog.refresh()
            yield event

    def _task(self, folder: Path, training: LoraTraining, resumes: bool | None) -> Task:
        with IMPORTING:  # as for the engine
            from studio.training import starting

        loras = subfolder(self.models, "lora")
        place = starting.Place(loras, self.kept_in, self.device)
        return starting.task(folder, training, self._checkpoint_of, place, resumes)

    def _checkpoint_of(self, training: LoraTraining) -> ModelRef:
        return self.catalog.find(training.checkpoint or self.checkpoint)

    def draw(self, order: TrainingOrder, owner: str, path: Path | None) -> list[str]:
        """As `trainings.School.draw`."""
        name = path and self.name_of(path)
        if path and name is None:
            raise InvalidRequest(f"{path} is not in the catalog: something moved it away.")
        loras = (LoraInput(name=name),) if name else ()
        ref = self.catalog.find(order.training.checkpoint)
        requests = [
            GenerationRequest(
                prompt=prompt,
                checkpoint=ref.name,
                guidance_scale=ref.family.guidance_scale,
                seed=order.samples.seed,
                loras=loras,
            )
            for prompt in order.samples.prompts
        ]
        return [job.id for job in self.queue().submit_all(requests, owner=owner)]

    def name_of(self, path: Path) -> str | None:
        """As `trainings.School.name_of`."""
        return next((ref.name for ref in self.catalog.refs("lora") if ref.path == path), None)

    def forget(self, order: TrainingOrder) -> None:
        """As `trainings.School.forget`."""
        shutil.rmtree(self.kept_in / order.training.name, ignore_errors=True)

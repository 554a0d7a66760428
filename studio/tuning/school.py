"""Trainings with the models, pictures and queue of a studio."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from studio.catalog.catalog import Catalog
from studio.catalog.places import subfolder
from studio.domain import embedding_names
from studio.domain.errors import InvalidRequest, NotFound
from studio.domain.files import as_text
from studio.domain.hours import Hours
from studio.domain.imports import IMPORTING
from studio.domain.loras import LoraInput
from studio.domain.refs import ModelRef
from studio.domain.request import GenerationRequest
from studio.domain.training import (
    AnyTraining,
    Done,
    Layout,
    Snapshot,
    TrainingEvent,
    TrainingKind,
)
from studio.domain.training_order import TrainingOrder
from studio.jobs.queue import JobQueue
from studio.training import dataset, layouts
from studio.tuning.captioning import Captioning
from studio.tuning.sets import PictureSets

if TYPE_CHECKING:  # these import torch
    from studio.training.running import Task


@dataclass(frozen=True)
class StudioSchool:
    """A `trainings.School`.

    models      the folder that results go into, below the subfolder for their kind
    kept_in     where trainings are kept, to go on
    device      as on the command line
    checkpoint  that of the settings, if they name one
    captioning  what captions pictures
    """

    catalog: Catalog
    sets: PictureSets
    queue: Callable[[], JobQueue]
    models: Path
    kept_in: Path
    device: str
    checkpoint: str | None
    captioning: Captioning

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
        self,
        folder: Path,
        training: AnyTraining,
        resumes: bool = False,
        hours: str | None = None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Iterator[TrainingEvent]:
        """A training of a folder's pictures, beside the queue, event by event: the work of each is
        done when it is asked for. `hours`: those in which it learns, as "22:00-06:00"; None: all.
        `stopped` is asked between steps, and ends it with what going on takes kept. Raises as
        `Studio.train_lora`."""
        within = None if hours is None else Hours.read(hours)
        return self.work(replace(self._task(folder, training, resumes), stopped=stopped), within)

    def trained(
        self,
        folder: Path,
        training: AnyTraining,
        on_event: Callable[[TrainingEvent], None],
        resumes: bool,
        hours: str | None,
    ) -> ModelRef:
        """The same to its end: what came of it. Raises as `Studio.train_lora`."""
        for event in self.train(folder, training, resumes, hours):
            on_event(event)
        return next(ref for ref in self.catalog.refs(training.kind) if ref.path == event.path)

    def export(
        self, pictures: Path, out: Path, layout: Layout, trigger: str | None
    ) -> dataset.Dataset:
        """Copy the pictures in a folder, or in the set of that name, into the folder `out` as
        another trainer wants them; what was copied. Raises `InvalidRequest` where there is
        neither, and as `dataset.read` and `layouts.write`."""
        folder = self._folder(pictures)
        found = dataset.read(folder, trigger)
        layouts.write(found, layout, folder.resolve().name, out)
        return found

    def _folder(self, pictures: Path) -> Path:
        if pictures.is_dir():
            return pictures
        with suppress(NotFound):
            return self.sets.folder(as_text(pictures))
        raise InvalidRequest(
            f"{as_text(pictures)}: there is no such folder, and no set of pictures of that name."
            " Name one with pictures."
        )

    def work(self, task: Task, hours: Hours | None = None) -> Iterator[TrainingEvent]:
        """What happens, in `hours` alone if there are any; results are in the catalog when it is
        told that they are there."""
        from studio.training import running, waiting

        task = replace(task, sha256=self.catalog.sha256_if_it_can_be(task.ref))
        for event in waiting.train(task, hours) if hours else running.train(task):
            if isinstance(event, (Snapshot, Done)):
                self.catalog.refresh()
            yield event

    def _task(self, folder: Path, training: AnyTraining, resumes: bool | None) -> Task:
        with IMPORTING:  # as for the engine
            from studio.training import starting

        results = subfolder(self.models.absolute(), training.kind)  # as the catalog has it
        embeddings = [ref.name for ref in self.catalog.refs("embedding")]
        place = starting.Place(results, embeddings, self.kept_in, self.device)
        return starting.task(folder, training, self._checkpoint_of, place, resumes)

    def _checkpoint_of(self, training: AnyTraining) -> ModelRef:
        return self.catalog.find(training.checkpoint or self.checkpoint)

    def draw(self, order: TrainingOrder, owner: str, path: Path | None) -> list[str]:
        """As `trainings.School.draw`."""
        training, samples = order.training, order.samples
        name = path and self.name_of(path, training.kind)
        if path and name is None:
            raise InvalidRequest(f"{path} is not in the catalog: something moved it away.")
        prompts, loras = samples.prompts, ()
        if training.kind == "embedding":
            prompts = [_naming(prompt, training.name, name or training.name) for prompt in prompts]
        elif name:
            loras = (LoraInput(name=name),)
        ref = self.catalog.find(training.checkpoint)
        requests = [
            GenerationRequest(
                prompt=prompt,
                checkpoint=ref.name,
                guidance_scale=ref.family.guidance_scale,
                seed=samples.seed,
                loras=loras,
            )
            for prompt in prompts
        ]
        return [job.id for job in self.queue().submit_all(requests, owner=owner)]

    def name_of(self, path: Path, kind: TrainingKind) -> str | None:
        """As `trainings.School.name_of`."""
        return next((ref.name for ref in self.catalog.refs(kind) if ref.path == path), None)

    def forget(self, order: TrainingOrder) -> None:
        """As `trainings.School.forget`."""
        shutil.rmtree(self.kept_in / order.training.name, ignore_errors=True)


def _naming(prompt: str, learnt: str, drawn_with: str) -> str:
    """`prompt` with the embedding `drawn_with` where it names the one that is learnt, which comes
    first where it does not."""
    pieces = embedding_names.split(dataset.with_trigger(prompt, learnt), [learnt])
    return "".join(drawn_with if name else text for text, name in pieces)

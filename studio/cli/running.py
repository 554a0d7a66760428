"""Requests of the command line at work: one after the other, each with a bar, and what came of
them printed."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from studio.app import Studio
from studio.cli.exporting import write
from studio.cli.progress import ProgressBar
from studio.cli.status import INTERRUPTED, complain, status_of
from studio.domain import events
from studio.domain.errors import (
    SaveError,
    StudioError,
    UnknownCheckpoint,
    UnknownModel,
)
from studio.domain.files import as_text
from studio.domain.request import GenerationRequest
from studio.gallery import export_names, exports
from studio.gallery.exports import Export
from studio.gallery.files import WHILE_IT_IS_HERE
from studio.jobs.job import Job
from studio.settings import Settings

_CONCERNS_ALL = (UnknownCheckpoint, UnknownModel, SaveError)
"""After these the next picture of a folder would fare no better."""


@dataclasses.dataclass(frozen=True)
class Task:
    """One request to run; `source` is the picture of a folder that it is for, if it is."""

    request: GenerationRequest
    source: str | None


Results = list[tuple[Task, events.Finished]]


def run_all(studio: Studio, tasks: list[Task]) -> tuple[Results, list[tuple[Task, StudioError]]]:
    """What came of the tasks, and what went wrong. Of a folder a bad picture stops no other; else
    the error is raised."""
    results, failed = [], []
    for place, task in enumerate(tasks, 1):
        try:
            job = studio.submit(task.request)
            final = follow(job, f"{place} of {len(tasks)} " if len(tasks) > 1 else "")
            _require_saved(final)
            for text in final.warnings:
                print(f"warning: {text}", file=sys.stderr)
            results.append((task, final))
        except StudioError as error:
            if task.source is None or isinstance(error, _CONCERNS_ALL):
                raise
            complain(error, f"{task.source}: ")
            failed.append((task, error))
    return results, failed


@contextmanager
def opened(settings: Settings, outputs: Path | None = None) -> Iterator[Studio]:
    """A studio, closed at the end; where it is interrupted the process may end there."""
    studio = Studio(settings, outputs=outputs)
    try:
        yield studio
    except KeyboardInterrupt:
        if not studio.close(timeout_s=1):
            os._exit(INTERRUPTED)  # a load under way cannot be stopped otherwise
        raise
    studio.close()


def given_away(studio: Studio, results: Results, export: Export, out: Path | None) -> Results:
    """`results`, whose pictures are files of the form asked for: see `_given_away`."""
    return [(task, _given_away(studio, final, export, out)) for task, final in results]


def _given_away(
    studio: Studio, final: events.Finished, export: Export, out: Path | None
) -> events.Finished:
    """The pictures as files of the form asked for, beside those of the library; of a folder of
    their own, in their place."""
    if export == Export():
        return final
    pictures = []
    for picture in final.pictures:
        stored = Path(picture.path)
        row = studio.library.entry(picture.id)
        taken = {each.casefold() for each in os.listdir(stored.parent)}
        name = exports.named(studio.gallery, row, export)
        own = name == stored.name
        path = stored if own else stored.with_name(export_names.unique(name, taken))
        data = exports.exported(stored.read_bytes(), stored.suffix, export, studio.gallery.again)
        write(path, data)
        if out is not None and not own:
            stored.unlink()
        pictures.append(dataclasses.replace(picture, path=path))
    return dataclasses.replace(final, pictures=tuple(pictures))


def _require_saved(final: events.Finished) -> None:
    """Raises `SaveError` for a picture that is not on disk: its last warning says why."""
    unsaved = [picture.warnings[-1] for picture in final.pictures if picture.path is None]
    if unsaved:
        raise SaveError(unsaved[0].removesuffix(WHILE_IT_IS_HERE))


def follow(job: Job, title: str) -> events.Finished:
    """Show the job's progress until it ends. Raises the error it failed with."""
    with ProgressBar(sys.stderr, title) as bar:
        for _, event in job.events.follow():
            bar.show(event)
    if isinstance(event, events.Failed):
        raise event.cause
    if isinstance(event, events.Cancelled):
        raise KeyboardInterrupt
    return event


def print_results(results: Results, failed: list[tuple[Task, StudioError]], as_json: bool) -> int:
    """The pictures' paths, or all about them; for a folder also which are of which picture. The
    exit status."""
    status = max((status_of(error) for _, error in failed), default=0)
    pictures = [picture for _, final in results for picture in final.pictures]
    paths = [as_text(picture.path) for picture in pictures]
    if not as_json:
        print("\n".join(paths))
        return status
    output: dict[str, Any] = {
        "images": paths,
        "seeds": [picture.seed for picture in pictures],
        "elapsed_s": round(sum(final.elapsed_s for _, final in results), 3),
        "infotext": [picture.infotext for picture in pictures],
        "warnings": [picture.warnings for picture in pictures],
    }
    if any(task.source for task, _ in (*results, *failed)):
        output["sources"] = [
            task.source and as_text(task.source) for task, final in results for _ in final.pictures
        ]
        output["failed"] = [
            {"source": as_text(task.source), "message": str(error)} for task, error in failed
        ]
    print(json.dumps(output))
    return status

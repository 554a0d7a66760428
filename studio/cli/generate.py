"""`studio generate`: one request, or one for each picture of a folder, without a server."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Any

from studio.app import Studio
from studio.catalog.presets import Presets
from studio.catalog.words import Words
from studio.cli import task_flags
from studio.cli.exporting import add_export_flags, export_of, write
from studio.cli.flags import add_flags, given
from studio.cli.like import fields_like
from studio.cli.progress import ProgressBar
from studio.cli.status import INTERRUPTED, complain, status_of
from studio.domain import events
from studio.domain.errors import (
    InvalidRequest,
    SaveError,
    StudioError,
    UnknownCheckpoint,
    UnknownModel,
)
from studio.domain.files import as_text
from studio.domain.request import GenerationRequest
from studio.gallery import export_names, exports
from studio.gallery.exports import Export
from studio.jobs.job import Job
from studio.settings import Settings

_NO_FLAGS = ("task", "applied_styles", "prompt_template", "negative_prompt_template")
_REQUEST_FLAGS = tuple(name for name in GenerationRequest.model_fields if name not in _NO_FLAGS)
_ENGINE_SETTINGS = ("models_dir", "data_dir", "device", "dtype", "memory_mode")
"""What `generate` takes of the settings; the rest is about serving."""
_MOST_COMBINATIONS = 1000
_CONCERNS_ALL = (UnknownCheckpoint, UnknownModel, SaveError)
"""After these the next picture of a folder would fare no better."""


@dataclasses.dataclass(frozen=True)
class _Task:
    """One request to run; `source` is the picture of a folder that it is for, if it is."""

    request: GenerationRequest
    source: str | None


def add_generate(commands: Any) -> None:
    """Add `generate` to `commands`."""
    generate = commands.add_parser(
        "generate",
        help="make pictures without a server",
        description="Make the pictures of one request, and print their paths.",
        allow_abbrev=False,
    )
    add_flags(generate, GenerationRequest, _REQUEST_FLAGS)
    task_flags.add_task_flags(generate)
    group = generate.add_argument_group("how to run")
    add_flags(group, Settings, _ENGINE_SETTINGS)
    group.add_argument(
        "--request",
        metavar="FILE",
        help="a request as JSON, '-' for standard input; other flags change single fields of it",
    )
    group.add_argument(
        "--like",
        metavar="PICTURE",
        help="take the settings out of a picture of this or another studio, or out of a text; "
        "other flags change single ones",
    )
    group.add_argument(
        "--preset",
        metavar="NAME",
        help="settings with a name, as 'SDXL Lightning, 4 steps'; other flags change single ones",
    )
    group.add_argument(
        "--combinatorial",
        action="store_true",
        help="draw each of the prompts that {a|b} and __wildcards__ make of them, with seeds "
        "counting up",
    )
    group.add_argument(
        "--fixed-seed", action="store_true", help="with --combinatorial: all with the same seed"
    )
    group.add_argument(
        "--out", metavar="DIR", type=Path, help="folder for the pictures; default: data-dir/outputs"
    )
    group.add_argument("--json", action="store_true", help="print one JSON object")
    add_export_flags(generate.add_argument_group("what files to write (PNG, as drawn)"))
    generate.set_defaults(run=_generate)


def _generate(options: argparse.Namespace) -> int:
    if options.like is not None and options.request is not None:
        raise InvalidRequest("--like and --request do not go together. Give one of them.")
    export = export_of(options)
    settings = Settings.read(given(options, _ENGINE_SETTINGS))
    named = _in_preset(options.preset, settings)
    tasks = _tasks(options, _in_file(options.request) | named) if options.like is None else []
    studio = Studio(settings, outputs=options.out)
    try:
        if options.like is not None:
            checkpoint = options.checkpoint or studio.settings.checkpoint
            tasks = _tasks(options, fields_like(options.like, studio.reader, checkpoint) | named)
        if options.combinatorial:
            tasks = _combined(tasks, studio.words, options.fixed_seed)
        results, failed = _run_all(studio, tasks)
        results = [
            (task, _given_away(studio, final, export, options.out)) for task, final in results
        ]
    except KeyboardInterrupt:
        if not studio.close(timeout_s=1):
            os._exit(INTERRUPTED)  # a load under way cannot be stopped otherwise
        raise
    studio.close()
    _print_results(results, failed, options.json)
    return max((status_of(error) for _, error in failed), default=0)


def _combined(tasks: list[_Task], words: Words, fixed_seed: bool) -> list[_Task]:
    """Those of each of the prompts that theirs are; says how many."""
    combined = []
    for task in tasks:
        found = words.combinations(task.request, _MOST_COMBINATIONS, fixed_seed)
        combined += [dataclasses.replace(task, request=one) for one in found.requests]
    print(f"{len(combined)} prompts to draw", file=sys.stderr)
    return combined


def _run_all(
    studio: Studio, tasks: list[_Task]
) -> tuple[list[tuple[_Task, events.Finished]], list[tuple[_Task, StudioError]]]:
    """What came of the tasks, and what went wrong. Of a folder a bad picture stops no other; else
    the error is raised."""
    results, failed = [], []
    for place, task in enumerate(tasks, 1):
        try:
            job = studio.submit(task.request)
            final = _follow(job, f"{place} of {len(tasks)} " if len(tasks) > 1 else "")
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
        data = exports.exported(stored.read_bytes(), stored.suffix, export)
        write(path, data)
        if out is not None and not own:
            stored.unlink()
        pictures.append(dataclasses.replace(picture, path=path))
    return dataclasses.replace(final, pictures=tuple(pictures))


def _require_saved(final: events.Finished) -> None:
    """Raises `SaveError` for a picture that is not on disk: its last warning says why."""
    unsaved = [picture.warnings[-1] for picture in final.pictures if picture.path is None]
    if unsaved:
        raise SaveError(unsaved[0])


def _tasks(options: argparse.Namespace, in_file: dict[str, Any]) -> list[_Task]:
    """The fields that are in a file, if there is one, changed by the flags."""
    fields = in_file | given(options, _REQUEST_FLAGS)
    tasks = []
    for each in task_flags.each(options):
        task = task_flags.task(each, in_file.get("task", {}))
        source = each.init_image if each.init_image != options.init_image else None
        tasks.append(_Task(GenerationRequest.parse(fields | {"task": task}), source))
    return tasks


def _in_preset(name: str | None, settings: Settings) -> dict[str, Any]:
    """The fields that the preset sets."""
    return {} if name is None else dict(Presets(*settings.presets_folders).find(name).request)


def _in_file(name: str | None) -> dict[str, Any]:
    """The fields that the request file sets."""
    if name is None:
        return {}
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        cause = error.strerror or error
        raise InvalidRequest(f"--request: {name} cannot be read: {cause}.") from None
    return GenerationRequest.parse(data).model_dump(mode="json", exclude_unset=True)


def _follow(job: Job, title: str) -> events.Finished:
    """Show the job's progress until it ends. Raises the error it failed with."""
    with ProgressBar(sys.stderr, title) as bar:
        for _, event in job.events.follow():
            bar.show(event)
    if isinstance(event, events.Failed):
        raise event.cause
    if isinstance(event, events.Cancelled):
        raise KeyboardInterrupt
    return event


def _print_results(
    results: list[tuple[_Task, events.Finished]],
    failed: list[tuple[_Task, StudioError]],
    as_json: bool,
) -> None:
    """The pictures' paths, or all about them; for a folder also which are of which picture."""
    pictures = [picture for _, final in results for picture in final.pictures]
    paths = [as_text(picture.path) for picture in pictures]
    if not as_json:
        print("\n".join(paths))
        return
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

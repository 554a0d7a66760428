"""`studio generate`: one request, or one for each picture of a folder, without a server."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from pathlib import Path
from typing import Any

from studio.app import Studio
from studio.catalog.presets import Presets
from studio.catalog.words import Words
from studio.cli import task_flags
from studio.cli.exporting import add_export_flags, export_of
from studio.cli.flags import add_flags, given
from studio.cli.like import fields_like
from studio.cli.running import Task, given_away, print_results, run_all
from studio.cli.status import INTERRUPTED, status_of
from studio.domain.errors import (
    InvalidRequest,
)
from studio.domain.request import GenerationRequest
from studio.settings import Settings

_NO_FLAGS = ("task", "applied_styles", "prompt_template", "negative_prompt_template")
_REQUEST_FLAGS = tuple(name for name in GenerationRequest.model_fields if name not in _NO_FLAGS)
_ENGINE_SETTINGS = ("models_dir", "data_dir", "device", "dtype", "memory_mode")
"""What `generate` takes of the settings; the rest is about serving."""
_MOST_COMBINATIONS = 1000


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
        results, failed = run_all(studio, tasks)
        results = [
            (task, given_away(studio, final, export, options.out)) for task, final in results
        ]
    except KeyboardInterrupt:
        if not studio.close(timeout_s=1):
            os._exit(INTERRUPTED)  # a load under way cannot be stopped otherwise
        raise
    studio.close()
    print_results(results, failed, options.json)
    return max((status_of(error) for _, error in failed), default=0)


def _combined(tasks: list[Task], words: Words, fixed_seed: bool) -> list[Task]:
    """Those of each of the prompts that theirs are; says how many."""
    combined = []
    for task in tasks:
        found = words.combinations(task.request, _MOST_COMBINATIONS, fixed_seed)
        combined += [dataclasses.replace(task, request=one) for one in found.requests]
    print(f"{len(combined)} prompts to draw", file=sys.stderr)
    return combined


def _tasks(options: argparse.Namespace, in_file: dict[str, Any]) -> list[Task]:
    """The fields that are in a file, if there is one, changed by the flags."""
    fields = in_file | given(options, _REQUEST_FLAGS)
    tasks = []
    for each in task_flags.each(options):
        task = task_flags.task(each, in_file.get("task", {}))
        source = each.init_image if each.init_image != options.init_image else None
        tasks.append(Task(GenerationRequest.parse(fields | {"task": task}), source))
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

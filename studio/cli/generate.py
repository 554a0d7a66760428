"""`studio generate`: one request, or one for each picture of a folder, each line of a text, each
prompt that a prompt is, without a server."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from studio.catalog.words import Words
from studio.cli import asking
from studio.cli.exporting import add_file_flags, check_writable, export_of, write
from studio.cli.like import add_like_flag, tasks_before, tasks_like
from studio.cli.running import Task, given_away, opened, print_results, run_all
from studio.domain import prompt_lines
from studio.domain.errors import InvalidRequest
from studio.domain.prompt_lines import LinesInput
from studio.domain.request import GenerationRequest
from studio.gallery.sheets import contact_sheet, png_of, shrunk
from studio.provenance import xmp

_MOST = 1000
"""Prompts, of choices or on lines."""


def add_generate(commands: Any) -> None:
    """Add `generate` to `commands`."""
    generate = commands.add_parser(
        "generate",
        help="make pictures without a server",
        description="Make the pictures of one request, or of many, and print their paths.",
        allow_abbrev=False,
    )
    group = asking.add_request_flags(generate)
    add_like_flag(group)
    _add_many(generate.add_argument_group("to draw many"))
    add_file_flags(generate, group)
    generate.set_defaults(run=_generate)


def _add_many(group: Any) -> None:
    group.add_argument(
        "--prompts",
        metavar="FILE",
        help="a prompt on each line, '-' for standard input; a line may say what is different in "
        'its picture, as AUTOMATIC1111 has it: --prompt "a cat" --steps 20',
    )
    group.add_argument(
        "--insert",
        choices=("instead", "before", "after"),
        default="instead",
        help="with --prompts: where they stand to --prompt",
    )
    group.add_argument(
        "--seeds",
        choices=("own", "same", "counting"),
        default="own",
        help="with --prompts: each line has its own, all have the same, or they count up",
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
        "--batch-count", metavar="N", type=int, default=1, help="so many batches, the seeds go on"
    )
    group.add_argument(
        "--sheet", metavar="FILE", type=Path, help="write all pictures side by side, too, as a PNG"
    )


def _generate(options: argparse.Namespace) -> int:
    if not 1 <= options.batch_count <= _MOST:
        raise InvalidRequest(f"--batch-count: a number from 1 to {_MOST} is needed.")
    export, settings = export_of(options), asking.settings_of(options)
    tasks = tasks_before(options, settings)
    if options.sheet is not None:
        check_writable(options.sheet, "--sheet")
    with opened(settings, options.out) as studio:
        if tasks is None:
            tasks = tasks_like(options, settings, studio)
        tasks = _many(tasks, options, studio.words)
        results, failed = run_all(studio, tasks)
        drawn = [picture for _, final in results for picture in final.pictures]
        if options.sheet is not None and drawn:
            images = [shrunk(picture.image.convert("RGB"), len(drawn)) for picture in drawn]
            term = xmp.together(xmp.term(picture.request) for picture in drawn)
            sheet = contact_sheet(images, margin=0)
            write(options.sheet, png_of(studio.gallery, sheet, term), "--sheet")
        results = given_away(studio, results, export, options.out)
    return print_results(results, failed, options.json)


def _many(tasks: list[Task], options: argparse.Namespace, words: Words) -> list[Task]:
    """Those of each line, each combination, each batch; says how many prompts these are."""
    if options.prompts is not None:
        text = asking.text_of(options.prompts, "--prompts")
        given = {"text": text, "insert": options.insert, "seeds": options.seeds}
        tasks = _each(
            tasks,
            lambda request: prompt_lines.requests(LinesInput(request=request, **given), _MOST),
        )
    if options.combinatorial:
        tasks = _each(
            tasks,
            lambda request: words.combinations(request, _MOST, options.fixed_seed).requests,
        )
    if options.prompts is not None or options.combinatorial:
        print(f"{len(tasks)} prompts to draw", file=sys.stderr)
    if options.batch_count > 1:
        tasks = _each(tasks, lambda request: request.batches(options.batch_count))
    return tasks


def _each(
    tasks: list[Task], requests: Callable[[GenerationRequest], list[GenerationRequest]]
) -> list[Task]:
    return [
        dataclasses.replace(task, request=one) for task in tasks for one in requests(task.request)
    ]

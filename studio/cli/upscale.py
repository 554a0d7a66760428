"""`studio upscale`: pictures enlarged by networks, and refined if asked, without a server."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from studio.cli import asking
from studio.cli.exporting import add_file_flags, export_of
from studio.cli.flags import add_flags, given
from studio.cli.running import Task, given_away, opened, print_results, run_all
from studio.cli.task_flags import files
from studio.domain.request import GenerationRequest
from studio.domain.tasks import Upscale

_TASK_FLAGS = (
    *("factor", "resize_width", "resize_height"),
    *("upscaler", "upscaler_2", "upscaler_2_visibility"),
    *("refine", "strength", "tile_size", "tile_overlap"),
    *("tile_controlnet", "tile_control_scale"),
)
_REQUEST_FLAGS = ("checkpoint", "negative_prompt", "scheduler", "steps", "guidance_scale", "seed")
"""Of a picture that is refined."""


def add_upscale(commands: Any) -> None:
    """Add `upscale` to `commands`."""
    upscale = commands.add_parser(
        "upscale",
        help="enlarge pictures without a server",
        description="Enlarge pictures, and print the paths of the larger ones.",
        allow_abbrev=False,
    )
    upscale.add_argument(
        "pictures", metavar="PICTURE", nargs="+", help="a file; of a folder every picture"
    )
    add_flags(upscale, Upscale, _TASK_FLAGS)
    group = upscale.add_argument_group("to refine it")
    group.add_argument(
        "--prompt", metavar="WORDS", help="what each tile is told; refines, without --refine too"
    )
    add_flags(group, GenerationRequest, _REQUEST_FLAGS)
    add_file_flags(upscale, asking.add_run_flags(upscale))
    upscale.set_defaults(run=_upscale)


def _upscale(options: argparse.Namespace) -> int:
    export = export_of(options)
    settings = asking.settings_of(options)
    tasks = _tasks(options, files(options.pictures))
    with opened(settings, options.out) as studio:
        results, failed = run_all(studio, tasks)
        results = given_away(studio, results, export, options.out)
    return print_results(results, failed, options.json)


def _tasks(options: argparse.Namespace, files: Sequence[str]) -> list[Task]:
    task = given(options, _TASK_FLAGS) | {"kind": "upscale"}
    if options.prompt is not None:
        task |= {"tile_prompt": options.prompt, "refine": True}
    fields = given(options, _REQUEST_FLAGS)
    requests = [
        GenerationRequest.parse(fields | {"task": task | {"image": file}}) for file in files
    ]
    return [
        Task(request, file if len(files) > 1 else None)
        for request, file in zip(requests, files, strict=True)
    ]

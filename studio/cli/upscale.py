"""`studio upscale`: pictures enlarged by networks, and refined if asked, without a server."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from studio.app import Studio
from studio.cli.exporting import add_export_flags, export_of
from studio.cli.flags import add_flags, given
from studio.cli.running import Task, given_away, print_results, run_all
from studio.cli.status import INTERRUPTED, status_of
from studio.cli.task_flags import pictures_in
from studio.domain.request import GenerationRequest
from studio.domain.tasks import Upscale
from studio.settings import Settings

_TASK_FLAGS = (
    *("factor", "resize_width", "resize_height"),
    *("upscaler", "upscaler_2", "upscaler_2_visibility"),
    *("refine", "strength", "tile_size", "tile_overlap"),
    *("tile_controlnet", "tile_control_scale"),
)
_REQUEST_FLAGS = ("checkpoint", "negative_prompt", "scheduler", "steps", "guidance_scale", "seed")
"""Of a picture that is refined."""
_ENGINE_SETTINGS = ("models_dir", "data_dir", "device", "dtype", "memory_mode")


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
    group = upscale.add_argument_group("how to run")
    add_flags(group, Settings, _ENGINE_SETTINGS)
    group.add_argument(
        "--out", metavar="DIR", type=Path, help="folder for the pictures; default: data-dir/outputs"
    )
    group.add_argument("--json", action="store_true", help="print one JSON object")
    add_export_flags(upscale.add_argument_group("what files to write (PNG, as drawn)"))
    upscale.set_defaults(run=_upscale)


def _upscale(options: argparse.Namespace) -> int:
    export = export_of(options)
    settings = Settings.read(given(options, _ENGINE_SETTINGS))
    tasks = _tasks(options, files(options.pictures))
    studio = Studio(settings, outputs=options.out)
    try:
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


def files(names: Sequence[str]) -> list[str]:
    """Those that are named, of a folder all in it. Raises `InvalidRequest` for one without."""
    listed = (pictures_in(name, "PICTURE") if Path(name).is_dir() else [name] for name in names)
    return [file for files in listed for file in files]


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

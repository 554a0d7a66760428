"""`studio grid`: a picture at the values of up to three axes, or with all sets of the parts of its
prompt, on one sheet, without a server."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from pydantic import ValidationError

from studio.cli import asking
from studio.cli.exporting import check_writable, write
from studio.cli.like import add_like_flag, tasks_before, tasks_like
from studio.cli.running import Task, opened, print_results, run_all
from studio.domain import grids
from studio.domain.axes import AXES
from studio.domain.errors import InvalidRequest, refused, shorten
from studio.domain.grids import AxisInput, Cell, GridInput
from studio.domain.prompt_matrix import MatrixInput
from studio.domain.request import GenerationRequest
from studio.gallery.files import Gallery
from studio.gallery.sheets import of_grid, png_of
from studio.provenance import xmp

_NAMES = ("x", "y", "z")


def add_grid(commands: Any) -> None:
    """Add `grid` to `commands`."""
    grid = commands.add_parser(
        "grid",
        help="make a grid of pictures without a server",
        description="Draw a request at all values of up to three axes, or with all sets of the "
        "parts of its prompt, put the pictures on a sheet, and print their paths. Axes: "
        f"{', '.join(AXES)}.",
        allow_abbrev=False,
    )
    group = grid.add_argument_group("what is different")
    for name, along in zip(_NAMES, ("a row", "the rows", "the sheets"), strict=True):
        group.add_argument(
            f"--{name}",
            metavar="'AXIS: VALUES'",
            help=f"along {along}, as 'Steps: 5-20 (+5)' or 'Sampler: Euler a, DPM++ 2M'",
        )
    group.add_argument(
        "--matrix", choices=("prompt", "negative_prompt"), help="the parts of it: a cat|in snow"
    )
    group.add_argument("--parts-first", action="store_true", help="with --matrix: before the first")
    group.add_argument("--joined-by", choices=("comma", "space"), default="comma")
    group.add_argument(
        "--different-seeds", action="store_true", help="with --matrix: they count up"
    )
    group.add_argument(
        "--vary-seeds",
        choices=_NAMES,
        action="append",
        default=[],
        help="along this axis the seeds count up from picture to picture; may be given again",
    )
    group = grid.add_argument_group("the sheet")
    group.add_argument(
        "--out",
        metavar="FILE",
        type=Path,
        required=True,
        help="where it is written, a PNG; where there are several as FILE-1, FILE-2, …",
    )
    group.add_argument("--no-legend", action="store_true", help="without the values beside them")
    group.add_argument("--margin", metavar="PIXELS", default=8, help="between them. Default: 8.")
    group.add_argument("--columns", metavar="N", help="of a grid with --x alone")
    group = asking.add_request_flags(grid)
    add_like_flag(group)
    group.add_argument("--json", action="store_true", help="print one JSON object")
    grid.set_defaults(run=_grid)


def _grid(options: argparse.Namespace) -> int:
    settings = asking.settings_of(options)
    asked = tasks_before(options, settings)
    plan = asked and _plan(options, asked)
    with opened(settings) as studio:
        plan = plan or _plan(options, tasks_like(options, settings, studio))
        tasks = [Task(cell.request, _label(cell, plan.lines)) for cell in plan.cells]
        results, failed = run_all(studio, tasks)
    drawn = {task.source: final.pictures[0].image for task, final in results}
    images = {
        cell.place: drawn[task.source]
        for cell, task in zip(plan.cells, tasks, strict=True)
        if task.source in drawn
    }
    _write_sheets(plan, images, studio.gallery)
    return print_results(results, failed, options.json)


@dataclass(frozen=True)
class _Plan:
    """`paths`: one for each sheet; each can be written."""

    grid: GridInput
    cells: list[Cell]
    lines: Sequence[grids.Line]
    paths: list[Path]


def _plan(options: argparse.Namespace, tasks: list[Task]) -> _Plan:
    """Raises `InvalidRequest`, and `SaveError` for a sheet that cannot be written."""
    if len(tasks) > 1:
        raise InvalidRequest("--init-image: a grid begins with one picture. Give a file.")
    grid, out = _asked(options, tasks[0].request), options.out
    cells, lines = grids.cells(grid), grids.lines(grid)
    count = len(lines[2].values)
    paths = [out.with_stem(f"{out.stem}-{z + 1}") for z in range(count)] if count > 1 else [out]
    for path in paths:
        check_writable(path, "--out")
    return _Plan(grid, cells, lines, paths)


def _asked(options: argparse.Namespace, request: GenerationRequest) -> GridInput:
    fields: dict[str, Any] = {"request": request, "margin": options.margin}
    fields |= {"legend": not options.no_legend, "columns": options.columns}
    fields["vary_seeds"] = options.vary_seeds
    for name in _NAMES:
        if text := getattr(options, name):
            title, colon, values = text.partition(":")
            if not colon:
                raise InvalidRequest(
                    f"--{name}: {shorten(text)} has no colon. Write it as 'Steps: 5-20 (+5)'."
                )
            known = {axis.casefold(): axis for axis in AXES}
            title = title.strip()
            title = known.get(title.casefold(), title)
            fields[name] = AxisInput(axis=title, values=values)
    if not options.x and not options.matrix:
        raise InvalidRequest(
            "Say what is different: give --x 'Steps: 5-20 (+5)', or --matrix prompt."
        )
    if options.matrix:
        fields["matrix"] = MatrixInput(
            of=options.matrix,
            parts_first=options.parts_first,
            joined_by=options.joined_by,
            different_seeds=options.different_seeds,
        )
    try:
        return GridInput(**fields)
    except ValidationError as error:
        raise refused(error) from None


def _label(cell: Cell, lines: Sequence[grids.Line]) -> str:
    labels = (line.labels[at] for line, at in zip(lines, cell.place, strict=True))
    return ", ".join(label for label in labels if label)


def _write_sheets(
    plan: _Plan, images: Mapping[tuple[int, int, int], Image.Image], gallery: Gallery
) -> None:
    def picture(place: tuple[int, int, int]) -> Image.Image | None:
        image = images.get(place)
        return image.convert("RGB") if image is not None else None

    for z, path in enumerate(plan.paths):
        sheet = of_grid(plan.grid, picture, z)
        write(path, png_of(gallery, sheet, xmp.term(plan.grid.request)))

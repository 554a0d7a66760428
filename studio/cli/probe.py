"""`studio probe`: what a model assumes where a prompt leaves something open, without a server."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from studio.cli import asking
from studio.cli.exporting import check_writable, write
from studio.cli.flags import help_of
from studio.cli.running import Task, opened, run_all
from studio.domain import grids, probes
from studio.domain.errors import InvalidRequest, refused
from studio.domain.probes import ProbeInput
from studio.gallery.sheets import of_grid, png_of
from studio.probing.measuring import JUDGE, NONE, measured
from studio.probing.report import Report, as_csv, as_text, report
from studio.provenance import xmp

_SLOT = "{}"


def add_probe(commands: Any) -> None:
    """Add `probe` to `commands`."""
    probe = commands.add_parser(
        "probe",
        help="measure what a model assumes, without a server",
        description="Draw a prompt with one open slot so many times for each of its words, measure "
        "what the pictures show, and print shares with 95 % intervals and how likely chance would "
        "do the same.",
        allow_abbrev=False,
    )
    probe.add_argument(
        "template", metavar="TEMPLATE", help="as 'a {house|tree|boat}', or 'a {}' with --slot"
    )
    group = probe.add_argument_group("the probe")
    group.add_argument("--slot", metavar="WORDS", help="the words, as 'house|tree|boat'")
    count = ProbeInput.model_fields["count"]
    group.add_argument(
        "--count", metavar="N", default=count.default, help=f"pictures a word. {help_of(count)}"
    )
    group.add_argument(
        "--measure",
        metavar="NAME",
        default=JUDGE,
        help=f"{JUDGE}: colour, place and sky, right for its own pictures; {NONE}; or the name of "
        f"a detector, whose surest label counts. Default: {JUDGE}.",
    )
    group.add_argument("--sheet", metavar="FILE", type=Path, help="a contact sheet, PNG")
    group.add_argument("--csv", metavar="FILE", type=Path, help="the shares as a table")
    group = asking.add_request_flags(probe)
    group.add_argument("--json", action="store_true", help="print one JSON object")
    probe.set_defaults(run=_probe)


def _probe(options: argparse.Namespace) -> int:
    settings = asking.settings_of(options)
    options.prompt = _template(options)
    [task] = asking.tasks(options, settings)
    try:
        probe = ProbeInput(request=task.request, count=options.count)
    except ValidationError as error:
        raise refused(error) from None
    grid, words = probes.grid_of(probe), probes.slot_of(probe.request.prompt).words
    for path, flag in ((options.sheet, "--sheet"), (options.csv, "--csv")):
        if path is not None:
            check_writable(path, flag)
    cells = grids.cells(grid)
    with opened(settings) as studio:
        if options.measure not in (JUDGE, NONE):
            studio.detectors.available(options.measure)
        results, _ = run_all(studio, [Task(cell.request, None) for cell in cells])
        images = {
            cell.place: final.pictures[0].image
            for cell, (_, final) in zip(cells, results, strict=True)
        }
        shown = [(words[place[1]], image) for place, image in sorted(images.items())]
        seen = measured(shown, options.measure, studio.detectors.find)
    pairs = [(word, values) for (word, _), values in zip(shown, seen, strict=True)]
    told = report(words, pairs, options.measure)
    if options.sheet is not None:
        sheet, term = of_grid(grid, images.get), xmp.term(grid.request)
        write(options.sheet, png_of(studio.gallery, sheet, term))
    if options.csv is not None:
        write(options.csv, as_csv(told).encode())
    print(json.dumps(_as_json(told)) if options.json else as_text(told))
    return 0


def _template(options: argparse.Namespace) -> str:
    if options.prompt is not None:
        raise InvalidRequest("--prompt: the prompt is the template of the probe. Leave it out.")
    if options.slot is None:
        return options.template
    if options.template.count(_SLOT) != 1:
        raise InvalidRequest(f"--slot: the template holds no {_SLOT} for it, or several.")
    return options.template.replace(_SLOT, f"{{{options.slot}}}")


def _as_json(told: Report) -> dict[str, Any]:
    counted = {"drawn": dict(told.drawn), "sure_up_to": told.sure_up_to}
    return asdict(told) | counted | {"findings": told.findings}

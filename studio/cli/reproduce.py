"""`studio reproduce PICTURE…`: pictures drawn again from their own records, and what came of it."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

from studio.app import Studio
from studio.cli import asking
from studio.cli.exporting import check_writable, write
from studio.cli.running import follow, opened
from studio.cli.status import complain, status_of
from studio.domain.errors import InvalidRequest, StudioError
from studio.domain.files import as_text
from studio.gallery.views import png
from studio.reproducing.reproductions import Reproduction

_SAME, _DIFFERS = 0, 1


def add_reproduce(commands: Any) -> None:
    """Add `reproduce` to `commands`."""
    reproduce = commands.add_parser(
        "reproduce",
        help="draw pictures again from their own records, and compare",
        description="Draw pictures again from the settings in their files, and say whether every "
        "pixel is the same, or what differs. Exit status: 0 the same, 1 one differs, 2 bad input.",
        allow_abbrev=False,
    )
    reproduce.add_argument(
        "pictures", metavar="PICTURE", nargs="+", help="a file, or the id of one of the library"
    )
    reproduce.add_argument(
        "--heat-map", metavar="FILE", type=Path, help="write a PNG that shows where it differs"
    )
    reproduce.add_argument("--json", action="store_true", help="print one JSON object")
    group = asking.add_run_flags(reproduce)
    group.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        help="folder for pictures that differ; default: data-dir/outputs",
    )
    reproduce.set_defaults(run=_reproduce)


def _reproduce(options: argparse.Namespace) -> int:
    if options.heat_map and len(options.pictures) > 1:
        raise InvalidRequest("--heat-map is of one picture. Give the others to another call.")
    if options.heat_map:
        check_writable(options.heat_map, "--heat-map")
    settings = asking.settings_of(options)
    status, told = _SAME, []
    with opened(settings, options.out) as studio:
        for place, name in enumerate(options.pictures, 1):
            title = f"{place} of {len(options.pictures)} " if len(options.pictures) > 1 else ""
            try:
                found = _again(studio, name, title)
            except StudioError as error:
                if len(options.pictures) == 1:
                    raise
                complain(error, f"{as_text(name)}: ")
                status = max(status, status_of(error))
                told.append({"source": as_text(name), "failed": str(error)})
                continue
            if not found.receipt.same:
                status = max(status, _DIFFERS)
            told.append(_told(name, found))
            if options.heat_map:
                write(options.heat_map, png(found.heat_map()), "--heat-map")
            if not options.json:
                _print(told[-1])
    if options.json:
        print(json.dumps({"pictures": told}))
    return status


def _again(studio: Studio, name: str, title: str) -> Reproduction:
    reproductions = studio.reproductions
    job = reproductions.submit(reproductions.original(name))
    follow(job, title)
    return reproductions.of_job(job)


def _told(name: str, found: Reproduction) -> dict[str, Any]:
    receipt, figures = found.receipt, found.receipt.figures
    path = found.picture.path if found.picture else None
    return {
        "source": as_text(name),
        "same": receipt.same,
        "image": path and as_text(path),
        "share": receipt.share,
        "largest": figures.largest if figures else None,
        "psnr_db": figures.psnr_db if figures else None,
        "differences": [dataclasses.asdict(each) for each in receipt.differences],
        "untold": receipt.untold,
        "ignored": [dataclasses.asdict(each) for each in receipt.ignored],
        "words": receipt.words,
    }


def _print(told: dict[str, Any]) -> None:
    print(f"{told['source']}: {told['words'][0]}")
    for text in told["words"][1:]:
        print(f"  {text}")
    if told["image"]:
        print(f"  {told['image']}")

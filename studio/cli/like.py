"""`--like PICTURE`: the settings of a picture, and what of it was not understood, told on standard
error."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from studio.app import Studio
from studio.cli import asking
from studio.cli.running import Task
from studio.domain.errors import InvalidRequest
from studio.domain.files import as_text, read_file
from studio.reading.finishing import WAITS
from studio.reading.reader import Reader
from studio.reading.record import Reading
from studio.settings import Settings

_MOST_BYTES = 512 * 2**20


def add_like_flag(group: Any) -> None:
    """Add what `tasks_like` reads."""
    group.add_argument(
        "--like",
        metavar="PICTURE",
        help="take the settings out of a picture of this or another studio, or out of a text; "
        "other flags change single ones",
    )


def tasks_before(options: argparse.Namespace, settings: Settings) -> list[Task] | None:
    """What the flags ask for, told before a studio is opened; None: that is first to be read out of
    a picture. Raises `InvalidRequest`."""
    if options.like is None:
        return asking.tasks(options, settings)
    if options.request is not None:
        raise InvalidRequest("--like and --request do not go together. Give one of them.")
    return None


def tasks_like(options: argparse.Namespace, settings: Settings, studio: Studio) -> list[Task]:
    """What the flags ask for, changed by them the settings of the picture. Raises as
    `fields_like`."""
    checkpoint = options.checkpoint or studio.settings.checkpoint
    like = fields_like(options.like, studio.reader, checkpoint)
    return asking.tasks(options, settings, like)


def fields_like(name: str, reader: Reader, checkpoint: str | None) -> dict[str, Any]:
    """The fields of a request that the file comes to, `task` also where it waits for its picture.
    `checkpoint` draws where the file's own is not here.

    Raises `InvalidRequest` for a file that cannot be read, or in which there are no settings.
    """
    try:
        data = read_file(Path(name).expanduser(), _MOST_BYTES)
    except (OSError, ValueError, RuntimeError) as error:
        cause = getattr(error, "strerror", None) or error
        raise InvalidRequest(f"--like: {as_text(name)} cannot be read: {cause}.") from None
    reading = reader.read(data, checkpoint)
    _tell(reading)
    if reading.source == "none":
        raise InvalidRequest(
            f"--like: there are no settings in {as_text(name)}. Choose the file as its studio "
            "wrote it: messengers and editors leave them out."
        )
    waiting = {"task": reading.awaits["task"]} if "task" in reading.awaits else {}
    return reading.request | waiting


def _tell(reading: Reading) -> None:
    for entry in reading.ignored:
        if entry.why == WAITS:
            continue  # and is taken over where the picture is given
        said = f" = {entry.value}" if entry.value else ""
        print(f"not taken over: {entry.name}{said}: {entry.why}", file=sys.stderr)
    for entry in reading.missing:
        digits = f" [{entry.hash}]" if entry.hash else ""
        print(f"missing: {entry.kind} {entry.name}{digits}: {entry.why}", file=sys.stderr)

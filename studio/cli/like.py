"""`--like PICTURE`: the settings of a picture, and what of it was not understood, told on standard
error."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from studio.domain.errors import InvalidRequest
from studio.domain.files import as_text, read_file
from studio.reading.finishing import WAITS
from studio.reading.reader import Reader
from studio.reading.record import Reading

_MOST_BYTES = 512 * 2**20


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

"""Flags that say how pictures are given away, and the files that come of them."""

from __future__ import annotations

import argparse
import os
from contextlib import suppress
from errno import EISDIR
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from studio.domain.errors import SaveError, refused
from studio.domain.files import is_full
from studio.gallery import export_names
from studio.gallery.export_names import TAGS
from studio.gallery.exports import MOST_SIDE, QUALITY, SUFFIXES, Export


def add_file_flags(parser: argparse.ArgumentParser, running: Any) -> None:
    """Add to the group `running` of `parser` where pictures go and how they are told, and to
    `parser` what `export_of` reads."""
    running.add_argument(
        "--out", metavar="DIR", type=Path, help="folder for the pictures; default: data-dir/outputs"
    )
    running.add_argument("--json", action="store_true", help="print one JSON object")
    add_export_flags(parser.add_argument_group("what files to write (PNG, as drawn)"))


def add_export_flags(parser: Any) -> None:
    """Add to a parser, or to a group of one, what `export_of` reads."""
    parser.add_argument(
        "--format",
        choices=(*SUFFIXES, "jpg"),
        help="of the files; JPEG, WebP and AVIF have the infotext in EXIF's UserComment",
    )
    parser.add_argument(
        "--quality",
        type=int,
        metavar="N",
        help=f"of JPEG, WebP and AVIF, 1 to 100; default: {QUALITY}",
    )
    parser.add_argument(
        "--side", type=int, metavar="N", help=f"the longer side at most, in pixels, to {MOST_SIDE}"
    )
    parser.add_argument("--srgb", action="store_true", help="in sRGB, with its profile")
    parser.add_argument("--no-settings", action="store_true", help="without any text in the files")
    parser.add_argument(
        "--name",
        metavar="PATTERN",
        help="names of the files, as '[date] [seed] [prompt_words]'; there are " + ", ".join(TAGS),
    )


def export_of(options: argparse.Namespace) -> Export:
    """Raises `InvalidRequest`."""
    given = {name: getattr(options, name) for name in ("format", "quality", "side", "name")}
    fields = {name: value for name, value in given.items() if value is not None}
    if fields.get("format") == "jpg":
        fields["format"] = "jpeg"
    try:
        export = Export(**fields, srgb=options.srgb, settings=not options.no_settings)
    except ValidationError as error:
        raise refused(error) from None
    if export.name:
        export_names.check(export.name)
    return export


def check_writable(path: Path, flag: str) -> None:
    """Asked before anything is drawn for the file. Makes its folder. Raises `SaveError` as `write`
    would."""
    partial = _partial(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.touch()
        partial.unlink()
        if path.is_dir():
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
    except OSError as error:
        raise _unwritable(path, error, flag) from None


def write(path: Path, data: bytes, flag: str = "--out") -> None:
    """All of it or nothing. Raises `SaveError`, which names the `flag` that chose the path."""
    partial = _partial(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(data)
        os.replace(partial, path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise _unwritable(path, error, flag) from None


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def _unwritable(path: Path, error: OSError, flag: str) -> SaveError:
    step = "Free some disk space, or choose" if is_full(error) else "Choose"
    cause = error.strerror or error
    return SaveError(f"{path} cannot be written: {cause}. {step} another with {flag}.")

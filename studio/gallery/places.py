"""Where pictures lie: `YYYY-MM-DD/NNNNN-seed.png` below the outputs, or flat `NNNNN-seed.png`; what
was deleted lies likewise below `trash`. An id is that name, so each leads to the other."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from studio.domain.errors import NotFound

SUFFIXES = (".png", ".jpg", ".webp", ".gif", ".bmp", ".tiff", ".avif", ".ppm")
"""Of pictures: ours are the first, the others were imported."""
TRASH = "trash"
"""The folder below the outputs."""

ID = re.compile(r"(?:(\d{4}-\d{2}-\d{2})_)?(\d{5,12})-(\d{1,20})", re.ASCII)
"""Of a picture: its day, unless the folder has none, its number, its seed."""
_NAME = re.compile(rf"(\d{{5,12}})-\d{{1,20}}(?:{'|'.join(map(re.escape, SUFFIXES))})", re.ASCII)
_TAKEN = re.compile(r"\.?(\d{5,12})(?:-\d{1,20}(?:\.words)?\.\w{3,4}|\.part)", re.ASCII)
"""Names that have a number: pictures, what is said of them, and claims."""
_HALF_WRITTEN = re.compile(
    r"\.\d{5,12}\.part|\.(erased|\d{5,12}-\d{1,20}\.(json|words\.png))\.new", re.ASCII
)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_ERASED = ".erased"
"""Holds the highest number of a folder's erased pictures, so that it is not given again."""


@dataclass(frozen=True)
class Found:
    """A picture's file."""

    id: str
    path: Path
    trashed: bool


class Places:
    """Below `outputs`; `flat`: without a folder for each day."""

    def __init__(self, outputs: Path, flat: bool = False) -> None:
        self.outputs, self.flat = outputs, flat

    def folder(self, day: str) -> Path:
        """For new pictures of a day."""
        return self.outputs if self.flat else self.outputs / day

    def id(self, day: str, name: str) -> str:
        return name if self.flat else f"{day}_{name}"

    def find(self, id: str) -> Found | None:
        """Where it is, in the trash too. An id is three numbers at most, so it cannot lead
        elsewhere. Raises `NotFound` for what cannot be one."""
        match = ID.fullmatch(id)
        if not match or self.flat != (match[1] is None):
            raise not_found(id)
        day, number, seed = match.groups()
        for trashed in (False, True):
            folder = self._folder(day or "", trashed)
            for suffix in SUFFIXES:
                path = folder / f"{number}-{seed}{suffix}"
                if path.is_file():
                    return Found(id, path, trashed)
        return None

    def moved(self, found: Found) -> Path:
        """Where it is in the trash, or where it came from."""
        if found.trashed:
            return self.outputs / found.path.relative_to(self.outputs / TRASH)
        return self.outputs / TRASH / found.path.relative_to(self.outputs)

    def name(self, found: Found) -> str:
        """Its place below the outputs when it is not in the trash."""
        folder = self.outputs / TRASH if found.trashed else self.outputs
        return found.path.relative_to(folder).as_posix()

    def all(self) -> Iterator[Found]:
        """Every picture; an id that lies in both is not in the trash. Raises OSError where the
        outputs cannot be listed."""
        for trashed in (True, False):
            folder = self.outputs / TRASH if trashed else self.outputs
            if trashed and not folder.is_dir():
                continue
            days = [""] if self.flat else sorted(filter(_DAY.fullmatch, os.listdir(folder)))
            for day in days:
                if not (folder / day).is_dir():
                    continue
                for name in sorted(os.listdir(folder / day)):
                    if _NAME.fullmatch(name):
                        id = self.id(day, name.rpartition(".")[0])
                        yield Found(id, folder / day / name, trashed)

    def partials(self) -> list[Path]:
        """What was left half-written."""
        days = "" if self.flat else "*/"
        found = (
            path
            for folder in (self.outputs, self.outputs / TRASH)
            for path in folder.glob(f"{days}.*")
        )
        return [path for path in found if _HALF_WRITTEN.fullmatch(path.name)]

    def claim_number(self, folder: Path) -> tuple[int, Path, int]:
        """The next free number, the temporary file that claims it, and its open descriptor.

        The temporary file is created exclusively, so one number has one claimant at a time. Another
        may have claimed, written and renamed between our look and our claim: hence the second look,
        which must see that picture, for its rename came before our claim.
        """
        deleted = self.outputs / TRASH / folder.relative_to(self.outputs)
        while True:
            taken = (_highest(folder, _TAKEN), _highest(deleted, _NAME), _erased(folder))
            number = 1 + max(taken)
            partial = folder / f".{number:05}.part"
            try:
                file = os.open(
                    partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
                )
            except FileExistsError:
                continue
            if not (_has(folder, number) or _has(deleted, number)):
                return number, partial, file
            os.close(file)
            partial.unlink(missing_ok=True)

    def erase(self, found: Found) -> None:
        """For good; its number is not given again. Raises OSError."""
        folder = self.outputs / self.name(found)
        number = int(found.path.name.partition("-")[0])
        if number > _erased(folder.parent):
            folder.parent.mkdir(parents=True, exist_ok=True)
            partial = folder.parent / f"{_ERASED}.new"
            partial.write_text(str(number))
            os.replace(partial, folder.parent / _ERASED)
        found.path.unlink(missing_ok=True)

    def _folder(self, day: str, trashed: bool) -> Path:
        return (self.outputs / TRASH if trashed else self.outputs) / day


def not_found(id: str) -> NotFound:
    return NotFound(
        f"There is no picture {id[:80]!r} (any more). Look for it in the outputs folder."
    )


def _has(folder: Path, number: int) -> bool:
    """Is there a picture of this number?"""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return False
    start = f"{number:05}-"
    return any(name.startswith(start) and _NAME.fullmatch(name) for name in names)


def _highest(folder: Path, pattern: re.Pattern[str]) -> int:
    """The highest number of the names that fit; 0 for none."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return 0
    return max((int(match[1]) for name in names if (match := pattern.fullmatch(name))), default=0)


def _erased(folder: Path) -> int:
    with suppress(OSError, ValueError):
        return int((folder / _ERASED).read_text()[:20])
    return 0

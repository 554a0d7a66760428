"""Deleted models: moved, not erased, and brought back under the id they were given.

They lie in `<data-dir>/trash`, or in a hidden `.trash` beside where they were if that is another
disk (a checkpoint is not copied to be deleted). `<data-dir>/trash.json` says which is what.
"""

from __future__ import annotations

import errno
import logging
import os
import secrets
import shutil
import threading
import time
from pathlib import Path
from typing import Any

from studio.catalog.store import read_json, write_json
from studio.domain.errors import InvalidRequest, NotFound, SaveError
from studio.domain.locks import alone_with

log = logging.getLogger(__name__)

VERSION = 1
KEPT_DAYS = 30


class Trash:
    """Safe in several threads. `data_dir` None: beside the file, remembered by this object only."""

    def __init__(self, data_dir: Path | None) -> None:
        self._folder = data_dir and data_dir / "trash"
        self._file = data_dir and data_dir / "trash.json"
        self._lock = threading.Lock()
        self._kept: dict[str, Any] = {}

    def put(self, path: Path) -> str:
        """Move a file or folder here; returns its id. A link is moved, what it leads to stays.

        Raises `SaveError` if it cannot be moved.
        """
        path = Path(os.path.abspath(path))
        id = secrets.token_hex(8)
        with self._lock, alone_with(self._file):
            there = self._moved(path, id)
            records = self._read()
            records[id] = {"from": str(path), "to": str(there), "deleted_s": time.time()}
            self._write(records)
        return id

    def path(self, id: str) -> Path:
        """Where it lies now. Raises `NotFound`."""
        return Path(self._record(id)["to"])

    def ids(self) -> dict[str, Path]:
        """Everything that can be brought back: id -> where it was."""
        return {id: Path(record["from"]) for id, record in self._read().items()}

    def restore(self, id: str) -> Path:
        """Move it back to where it was, and return that. Raises `NotFound`, `InvalidRequest` if
        there is something else by now, `SaveError` if it cannot be moved."""
        with self._lock, alone_with(self._file):
            record = self._record(id)
            there, path = Path(record["to"]), Path(record["from"])
            if os.path.lexists(path):
                raise InvalidRequest(f"{path} exists again. Rename it first.")
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                os.rename(there, path)
            except FileNotFoundError:
                raise _unknown(id) from None
            except OSError as error:
                cause = error.strerror or error
                raise SaveError(f"{there} cannot be moved to {path}: {cause}.") from None
            self._forget(id, there)
        return path

    def erase_old(self, days: float = KEPT_DAYS) -> None:
        """Erase for good what was deleted longer ago than this; never raises for the disk."""
        with self._lock, alone_with(self._file):
            for id, record in self._read().items():
                if time.time() - record["deleted_s"] > days * 86_400:
                    there = Path(record["to"])
                    log.info("Erased %s, deleted %d days ago.", record["from"], days)
                    try:
                        _erase(there)
                        self._forget(id, there)
                    except (OSError, SaveError) as error:
                        log.warning("%s cannot be erased: %s", there, error)

    def _moved(self, path: Path, id: str) -> Path:
        """Each in a folder of its own, so that names never clash."""
        places = (
            [self._folder, path.parent / ".trash"] if self._folder else [path.parent / ".trash"]
        )
        for place in places:
            there = place / id / path.name
            try:
                there.parent.mkdir(parents=True)
                os.rename(path, there)
                return there
            except OSError as error:
                shutil.rmtree(there.parent, ignore_errors=True)
                if error.errno != errno.EXDEV or place is places[-1]:
                    raise SaveError(
                        f"{path} cannot be moved to {place}: {error.strerror or error}. "
                        "Check that it is there and who owns it."
                    ) from None
        raise AssertionError("the last place moves it or raises")

    def _record(self, id: str) -> dict[str, Any]:
        record = self._read().get(id)
        if record is None:
            raise _unknown(id)
        return record

    def _forget(self, id: str, there: Path) -> None:
        shutil.rmtree(there.parent, ignore_errors=True)
        self._write({other: record for other, record in self._read().items() if other != id})

    def _read(self) -> dict[str, Any]:
        """Anew each time: another process may have deleted something."""
        if self._file is None:
            return dict(self._kept)
        deleted = read_json(self._file, VERSION).get("deleted")
        return deleted if isinstance(deleted, dict) else {}

    def _write(self, records: dict[str, Any]) -> None:
        self._kept = records
        if self._file is not None:
            try:
                write_json(self._file, VERSION, {"deleted": records})
            except OSError as error:
                cause = error.strerror or error
                raise SaveError(f"{self._file} cannot be written: {cause}.") from None


def _erase(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _unknown(id: str) -> NotFound:
    return NotFound(f"There is no deleted model {id[:40]!r} (any more).")

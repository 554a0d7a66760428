"""Deleted models: moved, not erased, and brought back under the id they were given.

They lie in `<data-dir>/trash`, or in a hidden `.trash` beside where they were if that is another
disk (a checkpoint is not copied to be deleted).
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

from studio.domain.errors import InvalidRequest, NotFound, SaveError
from studio.store.models import DeletedRow, ModelMemory

log = logging.getLogger(__name__)

KEPT_DAYS = 30


class Trash:
    """Safe in several threads. `data_dir` None: all of it lies beside where it was."""

    def __init__(self, memory: ModelMemory, data_dir: Path | None) -> None:
        self._memory = memory
        self._folder = data_dir and data_dir / "trash"
        self._lock = threading.Lock()

    def put(self, path: Path) -> str:
        """Move a file or folder here; returns its id. A link is moved, what it leads to stays.

        Raises `SaveError` if it cannot be moved, or where it could not be found again.
        """
        path = Path(os.path.abspath(path))
        id = secrets.token_hex(8)
        with self._lock:
            there = self._moved(path, id)
            try:
                self._memory.delete(id, DeletedRow(path, there, time.time()))
            except SaveError:
                os.rename(there, path)
                shutil.rmtree(there.parent, ignore_errors=True)
                raise
        return id

    def path(self, id: str) -> Path:
        """Where it lies now. Raises `NotFound`."""
        return self._row(id).lies_at

    def ids(self) -> dict[str, Path]:
        """Everything that can be brought back: id -> where it was."""
        return {id: row.was_at for id, row in self._memory.deleted().items()}

    def restore(self, id: str) -> Path:
        """Move it back to where it was, and return that. Raises `NotFound`, `InvalidRequest` if
        there is something else by now, `SaveError` if it cannot be moved."""
        with self._lock:
            row = self._row(id)
            there, path = row.lies_at, row.was_at
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
        with self._lock:
            for id, row in self._memory.deleted().items():
                if time.time() - row.deleted_s > days * 86_400:
                    log.info("Erased %s, deleted %d days ago.", row.was_at, days)
                    try:
                        _erase(row.lies_at)
                        self._forget(id, row.lies_at)
                    except (OSError, SaveError) as error:
                        log.warning("%s cannot be erased: %s", row.lies_at, error)

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

    def _row(self, id: str) -> DeletedRow:
        row = self._memory.deleted().get(id)
        if row is None:
            raise _unknown(id)
        return row

    def _forget(self, id: str, there: Path) -> None:
        shutil.rmtree(there.parent, ignore_errors=True)
        self._memory.undelete(id)


def _erase(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _unknown(id: str) -> NotFound:
    return NotFound(f"There is no deleted model {id[:40]!r} (any more).")

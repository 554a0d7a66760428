"""What the studio remembers beside its files: an SQLite database, `studio.db` in the data folder.

It has one writer at a time and keeps what was committed through a kill and a loss of power. The PNG
files stay the truth about pictures.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from studio.domain.errors import SaveError, StudioError
from studio.domain.files import as_text
from studio.store.migrations import MIGRATIONS

log = logging.getLogger(__name__)


FILE_NAME = "studio.db"
"""In the data folder."""

Statement = tuple[str, Sequence[object]]
"""SQL and its values."""

_CHECKED_BYTES = 32 * 2**20
"""Up to this size it is read through at each start, which takes a tenth of a second. Damage in a
larger one shows where it is read."""


class LedgerError(StudioError):
    """The database cannot be used as it is."""


class NewerLedger(LedgerError):
    """A newer studio has written it."""


class DamagedLedger(LedgerError):
    """What lies there is no database, or not a whole one."""


class Ledger:
    """The database at `path`, made where there is none; None: in memory, for as long as it is held.
    Safe from many threads. Raises `LedgerError` where it is damaged, newer than this studio, or
    cannot be opened: nothing of it is changed then."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.why_not_durable = ""
        self.trouble: str | None = None
        """Where it should outlast the process and cannot, the reason for people."""
        self._lock = threading.RLock()
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                ":memory:" if path is None else path, check_same_thread=False, isolation_level=None
            )
            self._connection.row_factory = sqlite3.Row
            self._migrate()
        except (OSError, sqlite3.Error) as error:
            is_damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(
                error, sqlite3.OperationalError
            )
            raise (DamagedLedger if is_damaged else LedgerError)(
                f"{as_text(path)} cannot be used: {error}. Free some disk space or make the folder "
                "writable; if it is damaged, 'studio library rebuild' makes it again from the "
                "pictures, or move it away and the studio begins a new one."
            ) from None

    @classmethod
    def opened(cls, data_dir: Path | None) -> Ledger:
        """That of a data folder; where it cannot be used one in memory, with a line in the log."""
        try:
            return cls(data_dir and data_dir / FILE_NAME)
        except LedgerError as error:
            log.error("%s Until then nothing outlasts a restart.", error)
            in_memory = cls(None)
            in_memory.why_not_durable = str(error)
            return in_memory

    @property
    def is_durable(self) -> bool:
        return self._path is not None

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """What a query finds. Raises `LedgerError` where the database was damaged meanwhile."""
        try:
            with self._lock:
                return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise LedgerError(f"{as_text(self._path)} cannot be read: {error}.") from None

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """All that is done to the connection within it is on disk after it, or nothing of it.
        Raises `SaveError` where the disk does not take it, and remembers why as `trouble`."""
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield self._connection
                    self._connection.commit()
                except BaseException:
                    self._connection.rollback()
                    raise
                self.trouble = None
            except sqlite3.Error as error:
                self.trouble = (
                    f"{as_text(self._path)} cannot be written: {error}. Free some disk space, or "
                    "make the folder writable."
                )
                raise SaveError(self.trouble) from None

    def is_sound(self) -> bool:
        """Whether all of it can be read; reads all of it."""
        with self._lock:
            try:
                return self._connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok"
            except sqlite3.Error:
                return False

    def close(self) -> None:
        """Nothing may be asked of it afterwards."""
        with self._lock:
            self._connection.close()

    def _migrate(self) -> None:
        connection = self._connection
        [version] = connection.execute("PRAGMA user_version").fetchone()
        if version > len(MIGRATIONS):
            raise NewerLedger(
                f"{as_text(self._path)} was written by a newer studio (version {version}; this one "
                f"knows {len(MIGRATIONS)}). Use that studio, or another data folder."
            )
        if self._path is not None and self._path.stat().st_size <= _CHECKED_BYTES:
            [health] = connection.execute("PRAGMA quick_check(1)").fetchone()
            if health != "ok":
                raise sqlite3.DatabaseError(health)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        if 0 < version < len(MIGRATIONS):
            self._back_up(version)
        for number in range(version + 1, len(MIGRATIONS) + 1):
            connection.executescript(
                f"BEGIN; {MIGRATIONS[number - 1]}; PRAGMA user_version = {number}; COMMIT;"
            )
        # Only now: a step may replace a table that others refer to.
        connection.execute("PRAGMA foreign_keys = ON")

    def _back_up(self, version: int) -> None:
        """As it was before a migration, beside it."""
        copy = self._path.with_name(f"{self._path.name}.{version}.bak")
        with sqlite3.connect(copy) as target:
            self._connection.backup(target)
        target.close()
        log.info("%s is brought up to date; as it was it stays as %s", self._path.name, copy.name)

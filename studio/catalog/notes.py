"""The artist's notes for models, kept in the data folder."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from studio.catalog.store import read_json, write_json
from studio.domain.errors import SaveError, refused
from studio.domain.locks import alone_with
from studio.domain.notes import NO_NOTES, Notes
from studio.domain.refs import ModelRef

VERSION = 1


class NoteBook:
    """All notes. Kept under the file's path, and found again by its sha256 once it was renamed.
    Safe in several threads. `file` None: nothing beyond the process."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._records: dict[str, dict[str, Any]] = self._read()

    def get(self, path: Path, sha256: str | None) -> Notes:
        """Those of the file at `path`, else of the one that had this content."""
        record = self._records.get(str(path)) or self._by_hash(sha256)
        try:
            return _usable(record["notes"]) if record else NO_NOTES
        except (ValidationError, KeyError, TypeError):
            return NO_NOTES  # the file was changed by hand

    def set(self, ref: ModelRef, sha256: str | None, changes: dict[str, Any]) -> Notes:
        """Change some fields; None takes one back. Raises `InvalidRequest` for values that cannot
        be, `SaveError` if they cannot be written (the old ones stay)."""
        with self._changing():
            before = self.get(ref.path, sha256)
            values = before.model_dump() | changes
            try:
                notes = Notes.model_validate({k: v for k, v in values.items() if v is not None})
            except ValidationError as error:
                raise refused(error) from None
            records = dict(self._records)
            records[str(ref.path)] = {
                "sha256": sha256,
                "notes": notes.model_dump(exclude_defaults=True),
            }
            self._write(records)
        return notes

    def learn(self, path: Path, sha256: str) -> None:
        """The hash of a file is known now: its notes will follow it to another name."""
        with self._changing():
            record = self._records.get(str(path))
            if record and record.get("sha256") != sha256:
                self._write(self._records | {str(path): record | {"sha256": sha256}})

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Nobody else writes meanwhile, no other process either, whose changes are read first."""
        with self._lock, alone_with(self._file):
            if self._file and self._file.is_file():
                self._records = self._read()
            yield

    def _read(self) -> dict[str, dict[str, Any]]:
        models = read_json(self._file, VERSION).get("models") if self._file else None
        return models if isinstance(models, dict) else {}

    def _by_hash(self, sha256: str | None) -> dict[str, Any] | None:
        if sha256 is None:
            return None
        fitting = (each for each in self._records.values() if each.get("sha256") == sha256)
        return next(fitting, None)

    def _write(self, records: dict[str, dict[str, Any]]) -> None:
        if self._file:
            try:
                write_json(self._file, VERSION, {"models": records})
            except OSError as error:
                raise SaveError(
                    f"The notes cannot be written to {self._file}: {error.strerror or error}. "
                    "Free some space, or choose another --data-dir."
                ) from None
        self._records = records


def _usable(values: dict[str, Any]) -> Notes:
    """Without those that cannot be (any more): what was noted beside them stays."""
    try:
        return Notes.model_validate(values)
    except ValidationError as error:
        wrong = {item["loc"][0] for item in error.errors() if item["loc"]} or {"scheduler"}
        return Notes.model_validate({k: v for k, v in values.items() if k not in wrong})

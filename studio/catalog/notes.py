"""The artist's notes for models."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from studio.domain.errors import SaveError, refused
from studio.domain.notes import NO_NOTES, Notes
from studio.domain.refs import ModelRef
from studio.store.models import ModelMemory, NotesRow

log = logging.getLogger(__name__)


class NoteBook:
    """All notes. Kept under the file's path, and found again by its sha256 once it was renamed.
    Safe in several threads."""

    def __init__(self, memory: ModelMemory) -> None:
        self._memory = memory
        self._lock = threading.Lock()
        self._rows = memory.notes()

    def get(self, path: Path, sha256: str | None) -> Notes:
        """Those of the file at `path`, else of the one that had this content."""
        row = self._rows.get(str(path)) or self._by_hash(sha256)
        return _usable(row.notes) if row else NO_NOTES

    def set(self, ref: ModelRef, sha256: str | None, changes: dict[str, Any]) -> Notes:
        """Change some fields; None takes one back. Raises `InvalidRequest` for values that cannot
        be, `SaveError` if they cannot be kept (the old ones stay)."""
        with self._lock:
            self._rows = self._memory.notes()  # another process may have noted something
            values = self.get(ref.path, sha256).model_dump() | changes
            try:
                notes = Notes.model_validate({k: v for k, v in values.items() if v is not None})
            except ValidationError as error:
                raise refused(error) from None
            self._keep(ref.path, NotesRow(sha256, notes.model_dump(exclude_defaults=True)))
        return notes

    def learn(self, path: Path, sha256: str) -> None:
        """The hash of a file is known now: its notes will follow it to another name."""
        with self._lock:
            row = self._rows.get(str(path))
            if row and row.sha256 != sha256:
                try:
                    self._keep(path, NotesRow(sha256, row.notes))
                except SaveError as error:
                    log.warning("%s", error)

    def _keep(self, path: Path, row: NotesRow) -> None:
        self._memory.note(str(path), row)
        self._rows = self._rows | {str(path): row}

    def _by_hash(self, sha256: str | None) -> NotesRow | None:
        if sha256 is None:
            return None
        return next((row for row in self._rows.values() if row.sha256 == sha256), None)


def _usable(values: dict[str, Any]) -> Notes:
    """Without those that cannot be (any more): what was noted beside them stays."""
    try:
        return Notes.model_validate(values)
    except ValidationError as error:
        wrong = {item["loc"][0] for item in error.errors() if item["loc"]} or {"scheduler"}
        return Notes.model_validate({k: v for k, v in values.items() if k not in wrong})

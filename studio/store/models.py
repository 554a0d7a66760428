"""What is known of model files: what they are, their sha256, the artist's notes, and which of them
were deleted."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.domain.errors import SaveError
from studio.domain.refs import ModelFile
from studio.store.ledger import Ledger

_MOST = 2**63
"""Integers of the database lie below it."""

_SAME = "size_bytes = excluded.size_bytes AND modified_ns = excluded.modified_ns"
_LEARN_FACTS = (
    "INSERT INTO model_files (path, size_bytes, modified_ns, facts, facts_version) "
    "VALUES (?, ?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET facts = excluded.facts, "
    f"facts_version = excluded.facts_version, sha256 = CASE WHEN {_SAME} THEN sha256 END, "
    "size_bytes = excluded.size_bytes, modified_ns = excluded.modified_ns"
)
_LEARN_SHA256 = (
    "INSERT INTO model_files (path, size_bytes, modified_ns, sha256) VALUES (?, ?, ?, ?) "
    f"ON CONFLICT (path) DO UPDATE SET facts = CASE WHEN {_SAME} THEN facts END, "
    "sha256 = excluded.sha256, size_bytes = excluded.size_bytes, "
    "modified_ns = excluded.modified_ns"
)


@dataclass(frozen=True)
class NotesRow:
    """`notes` of the file at some path, whose `sha256` is known or not."""

    sha256: str | None
    notes: dict[str, Any]


@dataclass(frozen=True)
class DeletedRow:
    """A model that `lies_at` one place now and `was_at` another, since `deleted_s`."""

    was_at: Path
    lies_at: Path
    deleted_s: float


class ModelMemory:
    """The models in `ledger`. Paths are kept as the bytes that the system knows them by.

    What can be found out again is kept if the disk takes it; notes and deletions raise `SaveError`
    where they would be forgotten, and are not changed then. All raise `LedgerError` where the
    database was damaged meanwhile.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def facts(self, version: int) -> dict[str, tuple[int, int, dict[str, Any]]]:
        """Path -> size in bytes, time of change in ns, and what a probe of this `version` told."""
        rows = self._ledger.rows(
            "SELECT path, size_bytes, modified_ns, facts FROM model_files WHERE facts_version = ?",
            (version,),
        )
        found = {}
        for path, size_bytes, modified_ns, facts in rows:
            found[os.fsdecode(path)] = (size_bytes, modified_ns, _decoded(facts))
        return found

    def learn_facts(
        self, version: int, facts: Mapping[str, tuple[int, int, dict[str, Any]]]
    ) -> None:
        """What probes told, as `facts` gives it. Raises `SaveError`."""
        rows = [
            (os.fsencode(path), size_bytes, modified_ns, _encoded(values), version)
            for path, (size_bytes, modified_ns, values) in facts.items()
            if abs(modified_ns) < _MOST  # a clock far off; such a file is looked at each time
        ]
        with self._ledger.writing() as connection:
            connection.executemany(_LEARN_FACTS, rows)

    def forget_files(self, paths: Iterable[str]) -> None:
        """They are gone; notes of them stay. Raises `SaveError`."""
        with self._ledger.writing() as connection:
            connection.executemany(
                "DELETE FROM model_files WHERE path = ?", [(os.fsencode(path),) for path in paths]
            )

    def hashes(self) -> dict[str, tuple[int, int, str]]:
        """Path -> size in bytes, time of change in ns, and sha256."""
        rows = self._ledger.rows(
            "SELECT path, size_bytes, modified_ns, sha256 FROM model_files WHERE sha256 IS NOT NULL"
        )
        return {os.fsdecode(path): tuple(values) for path, *values in rows}

    def learn_sha256(self, file: ModelFile, digest: str) -> None:
        """Of `file` as it is now. Raises `SaveError`."""
        if abs(file.modified_ns) >= _MOST:
            return
        values = (os.fsencode(file.path), file.size_bytes, file.modified_ns, digest)
        with self._ledger.writing() as connection:
            connection.execute(_LEARN_SHA256, values)

    def notes(self) -> dict[str, NotesRow]:
        """Path -> what was noted."""
        rows = self._ledger.rows("SELECT path, sha256, notes FROM model_notes")
        return {
            os.fsdecode(path): NotesRow(digest, _decoded(notes)) for path, digest, notes in rows
        }

    def note(self, path: str, row: NotesRow) -> None:
        with self._lasting() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO model_notes (path, sha256, notes) VALUES (?, ?, ?)",
                (os.fsencode(path), row.sha256, _encoded(row.notes)),
            )

    def deleted(self) -> dict[str, DeletedRow]:
        """Id -> what can be brought back."""
        rows = self._ledger.rows("SELECT id, was_at, lies_at, deleted_s FROM deleted_models")
        return {
            id: DeletedRow(Path(os.fsdecode(was_at)), Path(os.fsdecode(lies_at)), deleted_s)
            for id, was_at, lies_at, deleted_s in rows
        }

    def delete(self, id: str, row: DeletedRow) -> None:
        with self._lasting() as connection:
            connection.execute(
                "INSERT INTO deleted_models (id, was_at, lies_at, deleted_s) VALUES (?, ?, ?, ?)",
                (id, os.fsencode(row.was_at), os.fsencode(row.lies_at), row.deleted_s),
            )

    def undelete(self, id: str) -> None:
        """It was brought back, or erased."""
        with self._lasting() as connection:
            connection.execute("DELETE FROM deleted_models WHERE id = ?", (id,))

    @contextmanager
    def _lasting(self) -> Iterator[Any]:
        if self._ledger.why_not_durable:
            raise SaveError(f"It could not be kept: {self._ledger.why_not_durable}")
        with self._ledger.writing() as connection:
            yield connection


def _encoded(values: dict[str, Any]) -> str:
    return json.dumps(values, separators=(",", ":"))


def _decoded(text: str) -> dict[str, Any]:
    """Empty for what was changed by hand into something else."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}

"""What earlier versions of the studio remembered of models, as JSON files in the data folder."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from studio.domain.errors import SaveError
from studio.domain.files import read_file
from studio.domain.refs import ModelFile
from studio.store.models import DeletedRow, ModelMemory, NotesRow

log = logging.getLogger(__name__)

_MAX_BYTES = 256 * 2**20


def take_over(memory: ModelMemory, data_dir: Path) -> None:
    """Bring those files into `memory`, once: they are gone afterwards. An entry that is none is
    left out; where the disk does not take them the files stay for the next time."""
    for name, kind, learn in (
        ("models-hashes.json", "files", _hash),
        ("models.json", "models", _notes),
        ("trash.json", "deleted", _deleted),
        ("models-index.json", "files", None),
    ):
        path = data_dir / name
        if path.is_file():
            try:
                _learn_all(memory, _entries(path, kind) if learn else {}, learn)
                path.unlink()
                path.with_name(f".{name}.lock").unlink(missing_ok=True)
            except (SaveError, OSError) as error:
                log.warning("%s is not taken over: %s", name, error)


def _learn_all(
    memory: ModelMemory,
    entries: dict[str, Any],
    learn: Callable[[ModelMemory, str, Any], None] | None,
) -> None:
    for key, entry in entries.items():
        with suppress(KeyError, TypeError, ValueError, AttributeError):
            learn(memory, key, entry)


def _entries(path: Path, kind: str) -> dict[str, Any]:
    try:
        entries = json.loads(read_file(path, _MAX_BYTES))[kind]
    except (ValueError, RecursionError, KeyError, TypeError):
        return {}
    return entries if isinstance(entries, dict) else {}


def _hash(memory: ModelMemory, path: str, entry: list) -> None:
    size_bytes, modified_ns, digest = entry
    memory.learn_sha256(ModelFile(Path(path), int(size_bytes), int(modified_ns)), str(digest))


def _notes(memory: ModelMemory, path: str, entry: dict[str, Any]) -> None:
    memory.note(path, NotesRow(entry["sha256"], dict(entry["notes"])))


def _deleted(memory: ModelMemory, id: str, entry: dict[str, Any]) -> None:
    row = DeletedRow(Path(entry["from"]), Path(entry["to"]), float(entry["deleted_s"]))
    memory.delete(id, row)

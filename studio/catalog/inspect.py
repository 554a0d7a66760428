"""All that is known of one file without looking at any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from studio.catalog.hashes import Hashes, sha256_of
from studio.catalog.probe import probe
from studio.catalog.scan import measure
from studio.domain.errors import CheckpointError
from studio.domain.files import as_text
from studio.domain.refs import ModelFile
from studio.store.ledger import Ledger
from studio.store.models import ModelMemory


def inspect(path: Path, data_dir: Path | None, with_hash: bool) -> dict[str, Any]:
    """As JSON. `sha256` is None unless it is known already or wanted. Raises `CheckpointError`."""
    facts = probe(path)
    file = ModelFile(path, *(measure(path) if path.is_dir() else _measured(path)))
    hashes = Hashes(ModelMemory(Ledger.opened(data_dir)))
    digest = hashes.get(file)
    if digest is None and with_hash:
        try:
            digest = sha256_of(path)
        except OSError as error:
            cause = error.strerror or error
            raise CheckpointError(f"{path.name} cannot be read: {cause}.") from None
        hashes.put(file, digest)
    described = vars(facts) | {
        "family": facts.family and facts.family.name,
        "trigger_words": list(facts.trigger_words),
    }
    return {"path": as_text(path)} | described | {"size_bytes": file.size_bytes, "sha256": digest}


def _measured(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns

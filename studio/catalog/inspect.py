"""All that is known of one file without looking at any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from studio.catalog.hashes import Hashes, sha256_of
from studio.catalog.probe import probe
from studio.catalog.scan import measure
from studio.domain.errors import CheckpointError
from studio.domain.refs import ModelRef


def inspect(path: Path, data_dir: Path | None, with_hash: bool) -> dict[str, Any]:
    """As JSON. `sha256` is None unless it is known already or wanted. Raises `CheckpointError`."""
    told = probe(path)
    size, modified_ns = measure(path) if path.is_dir() else _measured(path)
    ref = ModelRef(path.name, told.kind, path, size_bytes=size, modified_ns=modified_ns)
    hashes = Hashes(data_dir and data_dir / "models-hashes.json")
    digest = hashes.get(ref)
    if digest is None and with_hash:
        try:
            digest = sha256_of(path)
        except OSError as error:
            cause = error.strerror or error
            raise CheckpointError(f"{path.name} cannot be read: {cause}.") from None
        hashes.put(ref, digest)
        hashes.save()
    facts = vars(told) | {
        "family": told.family and told.family.name,
        "trigger_words": list(told.trigger_words),
    }
    path_text = str(path).encode("utf-8", "replace").decode("utf-8")
    return {"path": path_text} | facts | {"size_bytes": size, "sha256": digest}


def _measured(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns

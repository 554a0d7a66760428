"""JSON files of our own, replaced in one step, so that nobody ever reads half of one."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)


def read_json(path: Path, version: int) -> dict[str, Any]:
    """The object that was written with this `version`; empty if there is none that is whole."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(content, dict) or content.get("version") != version:
        return {}
    return content


def write_json(path: Path, version: int, values: dict[str, Any]) -> None:
    """Replace `path`. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"version": version} | values, separators=(",", ":"))
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def try_write_json(path: Path, version: int, values: dict[str, Any]) -> bool:
    """The same for a cache: a disk that is full or read-only is logged and not fatal."""
    try:
        write_json(path, version, values)
    except OSError as error:
        log.warning("%s cannot be written: %s.", path, error.strerror or error)
        return False
    return True

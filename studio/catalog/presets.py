"""Presets: requests in part, with a name. A file each, which holds the fields as JSON."""

from __future__ import annotations

import difflib
import json
import os
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.domain.errors import InvalidRequest, NotFound, SaveError, shorten
from studio.domain.files import as_text, read_text
from studio.domain.request import GenerationRequest

_MOST_BYTES = 2**20
_NAME = re.compile(r"(?![.\s])[^/\\:*?\"<>|\x00-\x1f]{1,80}(?<!\s)")
"""What every file system takes."""


@dataclass(frozen=True)
class Preset:
    """`request`: the fields that it sets. `is_own`: not shipped."""

    name: str
    request: Mapping[str, Any]
    is_own: bool


class Presets:
    """The `*.json` in `shipped`, and the user's in `own`, which come before others of the same
    name. Looked up at each use; safe in several threads."""

    def __init__(self, shipped: Path, own: Path) -> None:
        self._shipped = shipped
        self._own = own
        self._lock = threading.Lock()

    def all(self) -> list[Preset]:
        """By name; a file that cannot be used is left out."""
        found: dict[str, Preset] = {}
        for name, path in self._files().items():
            try:
                found[name] = self._read(name, path)
            except InvalidRequest:
                continue
        return [found[name] for name in sorted(found, key=str.casefold)]

    def find(self, name: str) -> Preset:
        """Raises `InvalidRequest` where there is none of that name, and for a file that cannot be
        used."""
        files = self._files()
        if name not in files:
            near = difflib.get_close_matches(name, files, n=3, cutoff=0.4) or sorted(files)[:5]
            raise InvalidRequest(
                f"There is no preset {shorten(name)}. Is it {' or '.join(near)}?", "preset"
            )
        return self._read(name, files[name])

    def put(self, name: str, request: Mapping[str, Any]) -> Preset:
        """Keep one of the user's. Raises `InvalidRequest` for a name that no file can have, or
        fields that no request can have, and `SaveError`."""
        if not _NAME.fullmatch(name):
            raise InvalidRequest(
                f"{shorten(name)} cannot be a file's name. Leave out / \\ : * ? \" < > | and "
                "blanks at its ends."
            )
        preset = Preset(name, _checked(request), is_own=True)
        path = self._own / f"{name}.json"
        partial = self._own / f".{name}.partial"
        try:
            with self._lock:
                self._own.mkdir(parents=True, exist_ok=True)
                text = json.dumps(preset.request, ensure_ascii=False, indent=2)
                partial.write_text(text, "utf-8")
                os.replace(partial, path)
        except OSError as error:
            raise SaveError(
                f"{as_text(path)} cannot be written: {error.strerror or error}. Free some disk "
                "space, or make the folder writable."
            ) from None
        return preset

    def delete(self, name: str) -> None:
        """Forget one of the user's. Raises `NotFound`, or `SaveError`."""
        path = self._own / f"{name}.json"
        if not _NAME.fullmatch(name) or not path.is_file():
            raise NotFound(f"There is no preset {shorten(name)} of your own. Shipped ones stay.")
        try:
            path.unlink()
        except OSError as error:
            raise SaveError(
                f"{as_text(path)} cannot be deleted: {error.strerror or error}. Make the folder "
                "writable."
            ) from None

    def _files(self) -> dict[str, Path]:
        found = {}
        for folder in (self._shipped, self._own):
            for path in folder.glob("*.json"):
                if not path.name.startswith("."):
                    found[path.stem] = path
        return found

    def _read(self, name: str, path: Path) -> Preset:
        try:
            fields = json.loads(read_text(path, _MOST_BYTES))
        except (OSError, ValueError, RecursionError) as error:
            raise InvalidRequest(
                f"The preset {as_text(path)} cannot be read: {error}. It holds fields of a request "
                "as JSON."
            ) from None
        if not isinstance(fields, dict):
            raise InvalidRequest(f"The preset {as_text(path)} holds no fields of a request.")
        return Preset(name, _checked(fields), path.parent == self._own)


def _checked(fields: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON has them, those alone that are set. Raises `InvalidRequest`."""
    return GenerationRequest.parse(dict(fields)).model_dump(mode="json", exclude_unset=True)

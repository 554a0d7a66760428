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

from studio.catalog.shelves import Shelf, Shelves
from studio.domain.accounts import LOCAL, check_owner, is_guest
from studio.domain.errors import InvalidRequest, NotFound, SaveError, shorten
from studio.domain.files import as_text, read_text
from studio.domain.request import GenerationRequest

_MOST_BYTES = 2**20
_NAME = re.compile(r"(?![.\s])[^/\\:*?\"<>|\x00-\x1f]{1,80}(?<!\s)")
"""What every file system takes."""


_FAMILIES = {
    "DMD2": "SDXL",
    "SD 1.5": "SD 1.x",
    "SD Turbo": "SD 2.x",
    "SDXL": "SDXL",
    "Z-Image": "Z-Image",
    "picturebook": "picturebook",
}
"""How a preset's name begins that is for models of one family."""


@dataclass(frozen=True)
class Preset:
    """`request`: the fields that it sets. `shelf`: where it lies."""

    name: str
    request: Mapping[str, Any]
    shelf: Shelf

    @property
    def family(self) -> str | None:
        """The name of the family that it is for; None: of any."""
        found = (of for words, of in _FAMILIES.items() if self.name.startswith(words))
        return next(found, None)


class Presets:
    """The `*.json` on the shelves of `shipped` and `own`; those of an account come before others of
    the same name. Looked up at each use; safe in several threads."""

    def __init__(self, shipped: Path, own: Path) -> None:
        self._shelves = Shelves(shipped, own)
        self._lock = threading.Lock()

    def all(self, account: str = LOCAL) -> list[Preset]:
        """Those that `account` has, by name; a file that cannot be used is left out."""
        found: dict[str, Preset] = {}
        for name, (path, shelf) in self._files(account).items():
            try:
                found[name] = _read(name, path, shelf)
            except InvalidRequest:
                continue
        return [found[name] for name in sorted(found, key=str.casefold)]

    def find(self, name: str, account: str = LOCAL) -> Preset:
        """Raises `InvalidRequest` where `account` has none of that name, and for a file that cannot
        be used."""
        files = self._files(account)
        if name not in files:
            near = difflib.get_close_matches(name, files, n=3, cutoff=0.4) or sorted(files)[:5]
            raise InvalidRequest(
                f"There is no preset {shorten(name)}. Is it {' or '.join(near)}?", "preset"
            )
        return _read(name, *files[name])

    def put(
        self, name: str, request: Mapping[str, Any], account: str = LOCAL, shared: bool = False
    ) -> Preset:
        """Keep one of `account`, for itself or `shared` with everybody. Raises `InvalidRequest` for
        a name that no file can have, or fields that no request can have, and `SaveError`."""
        if not _NAME.fullmatch(name):
            raise InvalidRequest(
                f"{shorten(name)} cannot be a file's name. Leave out / \\ : * ? \" < > | and "
                "blanks at its ends."
            )
        preset = Preset(name, _checked(request), self._shelves.of(account, shared))
        path = _path(name, preset.shelf)
        partial = path.with_name(f".{name}.partial")
        try:
            with self._lock:
                path.parent.mkdir(parents=True, exist_ok=True)
                text = json.dumps(preset.request, ensure_ascii=False, indent=2)
                partial.write_text(text, "utf-8")
                os.replace(partial, path)
                if not is_guest(account):
                    _path(name, self._shelves.of(account, not shared)).unlink(missing_ok=True)
        except OSError as error:
            raise SaveError(
                f"{as_text(path)} cannot be written: {error.strerror or error}. Free some disk "
                "space, or make the folder writable."
            ) from None
        return preset

    def delete(self, name: str, account: str = LOCAL) -> None:
        """Forget one that `account` may change. Raises `NotFound`, `NotYours`, or `SaveError`."""
        own = [
            shelf
            for shelf in self._shelves.seen_by(account)
            if shelf.owner and _NAME.fullmatch(name) and _path(name, shelf).is_file()
        ]
        if not own:
            raise NotFound(f"There is no preset {shorten(name)} of your own. Shipped ones stay.")
        check_owner(account, own[-1].owner, f"The preset {shorten(name)}")
        path = _path(name, own[-1])
        try:
            path.unlink()
        except OSError as error:
            raise SaveError(
                f"{as_text(path)} cannot be deleted: {error.strerror or error}. Make the folder "
                "writable."
            ) from None

    def _files(self, account: str) -> dict[str, tuple[Path, Shelf]]:
        found = {}
        for shelf in self._shelves.seen_by(account):
            for path in shelf.folder.glob("*.json"):
                if not path.name.startswith("."):
                    found[path.stem] = path, shelf
        return found


def _path(name: str, shelf: Shelf) -> Path:
    return shelf.folder / f"{name}.json"


def _read(name: str, path: Path, shelf: Shelf) -> Preset:
    try:
        fields = json.loads(read_text(path, _MOST_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidRequest(
            f"The preset {as_text(path)} cannot be read: {error}. It holds fields of a request "
            "as JSON."
        ) from None
    if not isinstance(fields, dict):
        raise InvalidRequest(f"The preset {as_text(path)} holds no fields of a request.")
    return Preset(name, _checked(fields), shelf)


def _checked(fields: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON has them, those alone that are set. Raises `InvalidRequest`.

    A ControlNet unit may wait for its picture, which a whole request could not.
    """
    whole, waiting = dict(fields), []
    units = whole.get("controls")
    if isinstance(units, list):
        waiting = [isinstance(unit, dict) and unit.get("image") is None for unit in units]
        pairs = zip(units, waiting, strict=True)
        whole["controls"] = [unit | {"image": "none"} if waits else unit for unit, waits in pairs]
    checked = GenerationRequest.parse(whole).model_dump(mode="json", exclude_unset=True)
    for unit, waits in zip(checked.get("controls", ()), waiting, strict=True):
        if waits:
            del unit["image"]
    return checked

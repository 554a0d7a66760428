"""What people say of a picture, in a small hidden file beside it, `.NNNNN-seed.json`, where there
is something to say. With it a ledger that was lost is made again."""

from __future__ import annotations

import json
import logging
import math
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.domain.errors import SaveError
from studio.domain.files import as_text, read_text

log = logging.getLogger(__name__)

_MOST_BYTES = 2**20


@dataclass(frozen=True)
class Sidecar:
    """`trashed_s`: since when the picture is in the trash, in seconds since 1970; `waits`: until
    a teacher lets others see it."""

    owner: str | None = None
    starred: bool = False
    boards: tuple[str, ...] = ()
    note: str = ""
    trashed_s: float | None = None
    waits: bool = False


def beside(picture: Path) -> Path:
    """Where that of a picture lies."""
    return picture.with_name(f".{picture.stem}.json")


def read(picture: Path) -> Sidecar:
    """An empty one where there is none, or none that can be read."""
    path = beside(picture)
    try:
        values = json.loads(read_text(path, _MOST_BYTES))
        return _checked(values if isinstance(values, dict) else {})
    except FileNotFoundError:
        return Sidecar()
    except (OSError, ValueError, RecursionError) as error:
        log.warning("%s cannot be read: %s. It is passed over.", as_text(path), error)
        return Sidecar()


def write(picture: Path, sidecar: Sidecar) -> None:
    """In one step; what is empty is not there. Raises `SaveError`."""
    path = beside(picture)
    values = {
        name: value for name, value in vars(sidecar).items() if value not in (None, "", (), False)
    }
    try:
        if not values:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.new")
        partial.write_text(json.dumps(values, ensure_ascii=False), "utf-8")
        os.replace(partial, path)
    except OSError as error:
        raise SaveError(
            f"{as_text(path)} cannot be written: {error.strerror or error}. Free some disk space, "
            "or make the folder writable."
        ) from None


def remove(picture: Path) -> None:
    """Never raises for the disk."""
    with suppress(OSError):
        beside(picture).unlink(missing_ok=True)


def _checked(values: dict[str, Any]) -> Sidecar:
    """Whoever edited it by hand."""
    owner, note, trashed_s = (values.get(name) for name in ("owner", "note", "trashed_s"))
    boards = values.get("boards")
    boards = boards if isinstance(boards, list) else []
    is_time = isinstance(trashed_s, int | float) and math.isfinite(trashed_s)
    return Sidecar(
        owner=owner if isinstance(owner, str) and owner else None,
        starred=values.get("starred") is True,
        boards=tuple(sorted({name for name in boards if isinstance(name, str) and name})),
        note=note if isinstance(note, str) else "",
        trashed_s=float(trashed_s) if is_time else None,
        waits=values.get("waits") is True,
    )

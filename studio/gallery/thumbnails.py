"""Small copies of pictures, made once: WebP files of their own, which anybody may delete."""

from __future__ import annotations

import io
import logging
import os
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from PIL import Image

from studio.domain.files import as_text
from studio.imaging import reading

log = logging.getLogger(__name__)

SIDES = (128, 256, 512)
"""Of a square in which a thumbnail fits, in pixels."""
USUAL_SIDE = 256

_QUALITY = 82
_MADE_AT_ONCE = 2
_MOST_WAITING = 16


class Thumbnails:
    """Kept below `folder` by side and day."""

    def __init__(self, folder: Path, data: Callable[[str], bytes]) -> None:
        """`data` gives the picture of an id; raises `NotFound`."""
        self._folder, self._data = folder, data
        self._making = threading.BoundedSemaphore(_MADE_AT_ONCE)
        self._places = threading.Semaphore(_MOST_WAITING)
        self._soon = ThreadPoolExecutor(1, "thumbnails")

    def webp(self, id: str, side: int, data: Callable[[], bytes] | None = None) -> bytes:
        """That of a picture which is there; `data` gives one of no gallery. Raises `NotFound`, and
        `InvalidRequest` where its file cannot be decoded."""
        path = self._path(id, side)
        with suppress(OSError):
            return path.read_bytes()
        with self._making:
            with suppress(OSError):  # another may have been quicker
                return path.read_bytes()
            made = _webp(*reading.small(data() if data else self._data(id), side))
            if not id.startswith("unsaved-"):
                _write(path, made)
        return made

    def make_soon(self, id: str, image: Image.Image, profile: bytes | None) -> None:
        """That of the usual side, of a picture which is in memory, in a thread of its own. Where
        many wait already it is left until somebody asks for it."""
        if self._places.acquire(blocking=False):
            with suppress(RuntimeError):  # it was closed
                self._soon.submit(self._make, id, image, profile)

    def close(self) -> None:
        self._soon.shutdown(wait=False, cancel_futures=True)

    def _make(self, id: str, image: Image.Image, profile: bytes | None) -> None:
        self._places.release()
        image = image.copy()
        image.thumbnail((USUAL_SIDE, USUAL_SIDE), reducing_gap=2.0)
        _write(self._path(id, USUAL_SIDE), _webp(image, profile))

    def remove(self, id: str) -> None:
        """All of a picture that was erased."""
        for side in SIDES:
            with suppress(OSError):
                self._path(id, side).unlink()

    def _path(self, id: str, side: int) -> Path:
        return self._folder / str(side) / (id.rpartition("_")[0] or "flat") / f"{id}.webp"


def _webp(image: Image.Image, profile: bytes | None) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=_QUALITY, method=2, icc_profile=profile)
    return buffer.getvalue()


def _write(path: Path, data: bytes) -> None:
    """In one step; on a disk that takes no more it is made anew each time."""
    partial = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(data)
        os.replace(partial, path)
    except OSError as error:
        log.debug("%s cannot be written: %s", as_text(path), error)
        with suppress(OSError):
            partial.unlink()

"""Pictures and masks that were given to the studio, as the very bytes that came.

A file is named by the sha256 of its content, so the same picture is kept once, a settled request
that names it can be run again, and nobody can read what he does not have. One that no submitted
request has used goes a day after it was last looked at; one that was used stays.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from studio.domain.errors import NotFound, SaveError
from studio.domain.geometry import Size
from studio.imaging import reading

log = logging.getLogger(__name__)

UNUSED_S = 24 * 3600
"""For how long an input is kept that no request uses."""
MAX_UNUSED_BYTES = 4 * 2**30
"""Unused inputs together; above it the oldest go first."""

_SWEEP_EVERY_S = 600
_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)


@dataclass(frozen=True)
class Input:
    """One kept file.

    id          the first 32 hex digits of its sha256
    size        (width, height) in pixels, as it is to be seen: EXIF orientation is applied
    format      "PNG", "JPEG", … read from its content
    """

    id: str
    size: Size
    format: str
    size_bytes: int

    @property
    def ref(self) -> str:
        """How a task names it."""
        return f"input:{self.id}"


class Inputs:
    """The store below `folder`; safe from many threads.

    What no request used yet lies in `folder/unused`, so that what may go is seen from where it is.
    """

    def __init__(self, folder: Path) -> None:
        self._used, self._unused = folder, folder / "unused"
        self._lock = threading.Lock()
        self._swept_s = float("-inf")

    def keep(self, data: bytes) -> Input:
        """Store `data` and tell what it is. Every pixel of it was decoded once before.

        Raises `InvalidRequest` if it is no picture, is damaged, or has more than 64 MP,
        `QueueFull` if many others wait to be decoded, and `SaveError` if the disk refuses it.
        """
        size, format = reading.size_of(data)
        id = hashlib.sha256(data).hexdigest()[:32]
        self._sweep_now_and_then()
        if not self._renewed(id) or self._path(id).stat().st_size != len(data):
            reading.check(data, patient=False)
            self._write(id, data)
        return Input(id, size, format, len(data))

    def use(self, id: str) -> None:
        """A request was submitted that needs it: it stays. Raises `NotFound`."""
        path = self._path(id)
        if path.parent == self._unused:
            with self._lock:
                try:
                    os.replace(path, self._used / id)
                except FileNotFoundError:  # another request was quicker, or it is gone
                    self._path(id)

    def bytes(self, id: str) -> bytes:
        """What was kept. Raises `NotFound`."""
        self._renewed(id)
        try:
            return self._path(id).read_bytes()
        except OSError:
            raise _not_found(id) from None

    def has(self, id: str) -> bool:
        """Whether it is there."""
        return self._renewed(id)

    def input(self, id: str) -> Input:
        """What it is. Raises `NotFound`."""
        data = self.bytes(id)
        size, format = reading.size_of(data)
        return Input(id, size, format, len(data))

    def size(self, id: str) -> Size:
        """(width, height) as it is to be seen. Raises `NotFound`."""
        return self.input(id).size

    def _path(self, id: str) -> Path:
        """Where `id` lies. An id is 32 hex digits, so it cannot lead elsewhere."""
        if _ID.fullmatch(id):
            # Once more: it may have been moved from one to the other between the two looks.
            for folder in (self._used, self._unused, self._used):
                if (folder / id).is_file():
                    return folder / id
        raise _not_found(id)

    def _renewed(self, id: str) -> bool:
        """Is it there? If it may go, its day begins anew."""
        with self._lock:
            try:
                path = self._path(id)
                if path.parent == self._unused:
                    os.utime(path)
            except NotFound:
                return False
            except OSError:
                log.debug("the time of input %s cannot be set", id)
        return True

    def _write(self, id: str, data: bytes) -> None:
        try:
            self._unused.mkdir(parents=True, exist_ok=True)
            # One that is there was cut short when the machine went down: it is mended.
            folder = self._used if (self._used / id).is_file() else self._unused
            handle, partial = tempfile.mkstemp(dir=self._unused, prefix=".", suffix=".part")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                os.replace(partial, folder / id)
            except BaseException:
                os.unlink(partial)
                raise
        except OSError as error:
            raise SaveError(
                f"The picture could not be kept in {self._used}: {error.strerror or error}. Free "
                "some disk space, make the folder writable, or choose another with --data-dir."
            ) from None

    def _sweep_now_and_then(self) -> None:
        with self._lock:
            if time.monotonic() - self._swept_s < _SWEEP_EVERY_S:
                return
            self._swept_s = time.monotonic()
            try:
                _sweep(self._unused)
            except FileNotFoundError:
                return  # nothing was uploaded yet
            except OSError as error:
                log.warning("Unused uploads cannot be deleted: %s.", error)


def _sweep(folder: Path) -> None:
    """Delete what is older than a day, and the oldest of what is too much; half-written files
    of a studio that was stopped as well."""
    kept_bytes, now_s = 0, time.time()
    files = [(entry.stat(), entry.path) for entry in os.scandir(folder) if entry.is_file()]
    for stat, path in sorted(files, key=lambda file: file[0].st_mtime, reverse=True):
        kept_bytes += stat.st_size
        if now_s - stat.st_mtime > UNUSED_S or kept_bytes > MAX_UNUSED_BYTES:
            os.unlink(path)


def _not_found(id: str) -> NotFound:
    return NotFound(
        f"There is no picture input:{id[:40]} (any more): what no job used is deleted after a "
        "day. Choose the picture again."
    )

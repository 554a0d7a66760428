"""Locks between processes: the operating system's own, which end with their process."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Self

if os.name == "nt":
    import msvcrt

    def _lock(handle: int, wait: bool) -> None:
        os.lseek(handle, _PLACE, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(handle: int, wait: bool) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


_PLACE = 2**30
"""Windows locks bytes of a file, and nobody reads them meanwhile: one far behind the words."""
_MAX_BYTES = 400


class FileLock:
    """A lock on `path`, which is made if it is not there, and stays. Of one holder alone, be it in
    this process or in another. As a context manager it waits until it is free.

    All raise OSError where the file cannot be made, or the file system knows no locks.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    def __enter__(self) -> Self:
        self._take(self._opened(), wait=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def try_take(self) -> bool:
        """Take it if nobody else holds it; says whether it is ours now."""
        handle = self._opened()
        try:
            self._take(handle, wait=False)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def write(self, text: str) -> None:
        """What others may read while it is held."""
        os.ftruncate(self._handle, 0)
        os.lseek(self._handle, 0, os.SEEK_SET)
        os.write(self._handle, text.encode("utf-8", "replace")[:_MAX_BYTES])

    def read(self) -> str:
        """What the holder has written; "" if nothing can be read."""
        with suppress(OSError), self._path.open("rb") as file:
            return file.read(_MAX_BYTES).decode("utf-8", "replace")
        return ""

    def release(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _opened(self) -> int:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)

    def _take(self, handle: int, wait: bool) -> None:
        try:
            _lock(handle, wait)
        except BaseException:
            os.close(handle)
            raise
        self._handle = handle

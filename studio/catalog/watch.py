"""Looks now and then whether folders have changed: no service of the system, works on any disk."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from studio.catalog.scan import Scan, measure
from studio.domain.refs import ModelFile

log = logging.getLogger(__name__)

INTERVAL_S = 2.0
_BUSY_AT_MOST = 0.02
"""Part of the time that looking may take: a slow disk is looked at less often."""

_COARSE_NS = 2 * 10**9
"""A change within this of the last look may have left the folder's time as it was."""


class Watcher:
    """Calls `look` in a thread, every `interval_s` or more."""

    def __init__(self, look: Callable[[], None], interval_s: float = INTERVAL_S) -> None:
        self._look, self._interval_s = look, interval_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="studio-watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        pause_s = self._interval_s
        while not self._stop.wait(pause_s):
            began_s = time.monotonic()
            try:
                self._look()
            except Exception:  # a bug here must not end the watch for good
                log.exception("Looking for new models failed.")
            pause_s = max(self._interval_s, (time.monotonic() - began_s) / _BUSY_AT_MOST)


def has_changed(last: Scan, scanned_ns: int) -> bool:
    """Whether a scan now would find something else than `last`, which began at `scanned_ns`.

    Two questions to the disk for what was there then, none for its contents: folders change when
    something in them appears, vanishes or is renamed, files when they are written.
    """
    return _folders_changed(last.folders, scanned_ns) or any(map(_file_changed, last.files))


def _folders_changed(folders: Mapping[Path, int], scanned_ns: int) -> bool:
    for folder, modified_ns in folders.items():
        try:
            now_ns = os.stat(folder).st_mtime_ns
        except OSError:
            now_ns = 0
        if now_ns != modified_ns or abs(now_ns - scanned_ns) < _COARSE_NS:
            return True
    return False


def _file_changed(file: ModelFile) -> bool:
    noted = (file.size_bytes, file.modified_ns)
    if file.is_folder:
        return measure(file.path) != noted
    try:
        status = os.stat(file.path)
    except OSError:
        return True
    return (status.st_size, status.st_mtime_ns) != noted

"""Downloads that users of the server started: they run beside everything else, can be watched and
cancelled, and what they fetched of an unfinished file is used by the next try."""

from __future__ import annotations

import logging
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from studio.domain.errors import DownloadError, InvalidRequest, NotFound, QueueFull, StudioError
from studio.fetching import hub
from studio.fetching.fetch import Progress, Stopped

log = logging.getLogger(__name__)

AT_ONCE = 2
MAX_WAITING = 20
MAX_REMEMBERED = 50


class DownloadState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


_OPEN = (DownloadState.WAITING, DownloadState.RUNNING)


@dataclass(frozen=True)
class Download:
    """Where a download stands. `source` is for people and holds no secret; `path` is what came,
    `message` why it failed."""

    id: str
    source: str
    state: DownloadState = DownloadState.WAITING
    progress: Progress = Progress("", 0, None)
    path: Path | None = None
    message: str | None = None


class Downloads:
    """Starts, remembers and cancels downloads into `folder`.

    arrived  called with the new file or folder, in the download's thread
    """

    def __init__(self, folder: Path, arrived: Callable[[Path], None]) -> None:
        self._folder = folder
        self._arrived = arrived
        self._downloads: OrderedDict[str, Download] = OrderedDict()
        self._cancelled: set[str] = set()
        self._lock = threading.Lock()
        self._closing = False
        self._turn = threading.BoundedSemaphore(AT_ONCE)

    def start(self, source: str, file: str | None = None, sha256: str | None = None) -> Download:
        """Fetch `source` as `hub.download` does, guarded: from public addresses only, no pickles.

        Raises `InvalidRequest` for what cannot be a source or is on its way already, `QueueFull`.
        """
        wanted = hub.parse(source, file)
        with self._lock:
            ongoing = [one for one in self._downloads.values() if one.state in _OPEN]
            if any(one.source == wanted.shown for one in ongoing):
                raise InvalidRequest(f"{wanted.shown} is being downloaded already.")
            if len(ongoing) >= MAX_WAITING:
                raise QueueFull("Too many downloads wait already. Try again when some are done.")
            download = Download(secrets.token_urlsafe(8), wanted.shown)
            self._downloads[download.id] = download
            for old in list(self._downloads.values())[:-MAX_REMEMBERED]:
                if old.state not in _OPEN:
                    del self._downloads[old.id]
        # A daemon, so that a server that says nothing does not keep the studio from ending.
        arguments = (download.id, source, file, sha256)
        threading.Thread(target=self._take_turn, args=arguments, daemon=True).start()
        return download

    def all(self) -> list[Download]:
        """Those that are remembered, the newest first."""
        with self._lock:
            return list(reversed(self._downloads.values()))

    def cancel(self, id: str) -> Download:
        """End a download; harmless when it has ended. Raises `NotFound`."""
        with self._lock:
            if id not in self._downloads:
                raise NotFound(f"There is no download {id[:40]!r} (any more).")
            self._cancelled.add(id)
            if self._downloads[id].state is DownloadState.WAITING:
                self._downloads[id] = replace(self._downloads[id], state=DownloadState.CANCELLED)
            return self._downloads[id]

    def close(self) -> None:
        """Cancel all and wait for none: what has come stays for the next time."""
        self._closing = True

    def _take_turn(self, id: str, source: str, file: str | None, sha256: str | None) -> None:
        with self._turn:
            self._run(id, source, file, sha256)

    def _run(self, id: str, source: str, file: str | None, sha256: str | None) -> None:
        def report(progress: Progress) -> None:
            if self._closing or id in self._cancelled:
                raise Stopped
            self._set(id, progress=progress)

        try:
            report(self._downloads[id].progress)
            self._set(id, state=DownloadState.RUNNING)
            path = hub.download(
                source, self._folder, report, file=file, sha256=sha256, guarded=True
            )
            self._arrived(path)
            self._set(id, state=DownloadState.FINISHED, path=path)
        except Stopped:
            self._set(id, state=DownloadState.CANCELLED)
        except StudioError as error:
            self._set(id, state=DownloadState.FAILED, message=str(error))
        except Exception as error:  # the last guard: a download must not hang in "running"
            log.exception("a download ended unexpectedly")
            failed = DownloadError(f"The download ended unexpectedly: {type(error).__name__}.")
            self._set(id, state=DownloadState.FAILED, message=str(failed))

    def _set(self, id: str, **changes: object) -> None:
        with self._lock:
            if id in self._downloads:
                self._downloads[id] = replace(self._downloads[id], **changes)

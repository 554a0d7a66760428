"""Weights of preprocessors and detectors on their way: started by somebody, watched by all."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from studio.domain.errors import StudioError
from studio.fetching.fetch import Progress, Stopped

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Downloading:
    """`done_bytes` of `total_bytes` (None: not known) have come; `error` says why it ended, None
    while it goes on."""

    done_bytes: int = 0
    total_bytes: int | None = None
    error: str | None = None


class Lacking(Protocol):
    """Whether something can be used, else how much there is to download."""

    @property
    def ready(self) -> bool: ...
    @property
    def size_bytes(self) -> int: ...


class Needy(Protocol):
    """What has names and may need files; preprocessors are such, and detectors. Both methods raise
    `InvalidRequest` for an unknown name."""

    def available(self, name: str) -> Lacking: ...
    def download(self, name: str, report: Callable[[Progress], None]) -> None: ...


class WeightDownloads:
    """Brings what those of `needy` lack, one after the other, beside everything else. What broke
    off goes on with the next try."""

    def __init__(self, needy: Needy) -> None:
        self._needy = needy
        self._downloads: dict[str, Downloading] = {}
        self._lock = threading.Lock()
        self._closing = False

    def start(self, name: str) -> None:
        """Begin to download what `name` lacks; harmless if that is nothing, or on its way.

        Raises InvalidRequest for an unknown name.
        """
        available = self._needy.available(name)
        with self._lock:
            ongoing = name in self._downloads and self._downloads[name].error is None
            if available.ready or ongoing:
                return
            self._downloads[name] = Downloading(total_bytes=available.size_bytes)
        # A daemon, so that a server that says nothing does not keep the studio from ending.
        threading.Thread(target=self._run, args=(name,), daemon=True).start()

    def of(self, name: str) -> Downloading | None:
        """How far it is; None where nothing is on its way and nothing went wrong."""
        with self._lock:
            return self._downloads.get(name)

    def close(self) -> None:
        """End all and wait for none."""
        self._closing = True

    def _run(self, name: str) -> None:
        def report(progress: Progress) -> None:
            if self._closing:
                raise Stopped
            with self._lock:
                self._downloads[name] = Downloading(progress.done_bytes, progress.total_bytes)

        try:
            self._needy.download(name, report)
            with self._lock:
                del self._downloads[name]
        except Stopped:
            self._fail(name, "The studio was closed.")
        except StudioError as error:
            self._fail(name, str(error))
        except Exception as error:  # the last guard: it must not seem to go on for ever
            log.exception("a download ended unexpectedly")
            self._fail(name, f"The download ended unexpectedly: {type(error).__name__}.")

    def _fail(self, name: str, message: str) -> None:
        with self._lock:
            there = self._downloads[name]
            self._downloads[name] = Downloading(there.done_bytes, there.total_bytes, message)

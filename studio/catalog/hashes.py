"""sha256 of model files: computed beside everything else, remembered by path, size and time.

A folder in diffusers layout has the sha256 of a list of its weights: one line for each safetensors
file of its parts, "<sha256>  <part>/<file>\\n" as `sha256sum` prints it, sorted by the path. So two
folders that differ only in their VAE are told apart.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from studio.catalog.probe_folder import WITH_WEIGHTS
from studio.domain.errors import SaveError
from studio.domain.files import open_file
from studio.domain.refs import ModelFile, ModelRef
from studio.store.models import ModelMemory

log = logging.getLogger(__name__)

_CHUNK_BYTES = 2**20
_NICENESS = 15


class Hashes:
    """What is known. Safe in several threads."""

    def __init__(self, memory: ModelMemory) -> None:
        self._memory = memory
        self._entries = memory.hashes()

    def get(self, file: ModelFile) -> str | None:
        """The sha256 in hexadecimal digits, if it is known for the file as it is now."""
        size_bytes, modified_ns, digest = self._entries.get(str(file.path), (None, None, None))
        return digest if (size_bytes, modified_ns) == (file.size_bytes, file.modified_ns) else None

    def put(self, file: ModelFile, digest: str) -> None:
        """Kept if the disk takes it."""
        self._entries[str(file.path)] = (file.size_bytes, file.modified_ns, digest)
        try:
            self._memory.learn_sha256(file, digest)
        except SaveError as error:
            log.warning("%s", error)


def sha256_of(path: Path, stopped: Callable[[], bool] = lambda: False) -> str | None:
    """In hexadecimal digits; None if it was `stopped`. Raises OSError."""
    if not path.is_dir():
        return _of_file(path, stopped)
    lines = []
    for component in sorted(WITH_WEIGHTS):
        for file in sorted((path / component).glob("*.safetensors")):
            digest = _of_file(file, stopped)
            if digest is None:
                return None
            lines.append(f"{digest}  {component}/{file.name}\n")
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _of_file(path: Path, stopped: Callable[[], bool]) -> str | None:
    digest, chunk = hashlib.sha256(), bytearray(_CHUNK_BYTES)
    view = memoryview(chunk)
    with open_file(path, buffering=0) as file:
        while count := file.readinto(chunk):
            if stopped():
                return None
            digest.update(view[:count])
    return digest.hexdigest()


class HashWorker:
    """Computes missing hashes in one thread of low priority, small files first.

    `refs` tells what there is, `known` is called after each new hash.
    """

    def __init__(
        self,
        hashes: Hashes,
        refs: Callable[[], Iterable[ModelRef]],
        on_hash: Callable[[ModelRef], None],
    ) -> None:
        self._hashes, self._refs, self._on_hash = hashes, refs, on_hash
        self._wake, self._stop = threading.Event(), threading.Event()
        self._failed: set[tuple[Path, int]] = set()
        self._thread = threading.Thread(target=self._run, name="studio-hashes", daemon=True)
        self._thread.start()

    def look(self) -> None:
        """There may be new files."""
        self._wake.set()

    def close(self) -> None:
        self._stop.set()
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        if sys.platform == "linux":  # where a thread has a priority of its own
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        while not self._stop.is_set():
            self._wake.clear()
            for ref in self._missing():
                if self._wake.is_set():
                    break  # smaller ones may have come
                self._compute(ref)
            else:
                self._wake.wait()

    def _missing(self) -> list[ModelRef]:
        """Looked for once, not after each hash: there may be thousands."""
        missing = [ref for ref in self._refs() if self._is_missing(ref)]
        return sorted(missing, key=lambda ref: ref.file.size_bytes)

    def _is_missing(self, ref: ModelRef) -> bool:
        return self._hashes.get(ref.file) is None and ref.file not in self._failed

    def _compute(self, ref: ModelRef) -> None:
        if not self._is_missing(ref):
            return  # somebody could not wait for it
        try:
            digest = sha256_of(ref.path, self._stop.is_set)
        except OSError:
            self._failed.add(ref.file)
            return
        if digest:
            self._hashes.put(ref.file, digest)
            self._on_hash(ref)

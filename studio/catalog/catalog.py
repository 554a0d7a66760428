"""What models there are: found by looking at folders, recognised by their contents, no torch.

Whatever cannot be used is kept with the reason, so that nobody has to wonder. What was found out
is remembered: what files are, their sha256, the artist's notes.
"""

from __future__ import annotations

import gc
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from studio.catalog import earlier
from studio.catalog.hashes import Hashes, HashWorker, sha256_of
from studio.catalog.index import Index
from studio.catalog.names import Names, display_name, unused
from studio.catalog.notes import NoteBook
from studio.catalog.probe import PICKLES
from studio.catalog.scan import Scan, scan
from studio.catalog.trash import Trash
from studio.catalog.watch import INTERVAL_S, Watcher, has_changed
from studio.domain.errors import CheckpointError, InvalidRequest, NotFound
from studio.domain.notes import Notes
from studio.domain.refs import KINDS, ModelFacts, ModelFile, ModelRef
from studio.store.ledger import Ledger
from studio.store.models import ModelMemory

SETTLE_S = 3.0
"""A file that cannot be understood and changed less than this ago may still be being written."""

SHORT_HASH = 10
"""Digits of a sha256 that AUTOMATIC1111 and everyone after it show."""


@dataclass(frozen=True)
class _Contents:
    """All that one look found; replaced as a whole, so that readers need no lock."""

    names: dict[str, Names] = field(default_factory=dict)
    broken: dict[Path, str] = field(default_factory=dict)
    pending: dict[Path, str] = field(default_factory=dict)


class Catalog:
    """The models below some folders, in any tree. Safe in several threads.

    folders   where to look; the first is the embedded one
    data_dir  its `models` folder is looked into too
    ledger    remembers what was found; by default that in `data_dir`, if there is one
    shipped   files that lie elsewhere and come with the studio -> what these models are called
    """

    def __init__(
        self,
        folders: Sequence[Path],
        data_dir: Path | None = None,
        ledger: Ledger | None = None,
        shipped: Mapping[Path, str] = MappingProxyType({}),
    ) -> None:
        roots = [*folders, *([data_dir / "models"] if data_dir else [])]
        self._roots = tuple(Path(os.path.abspath(root)) for root in roots)
        self._embedded = self._roots[0] if folders else None
        self._shipped = shipped
        memory = ModelMemory(ledger or Ledger.opened(data_dir))
        if data_dir:
            earlier.take_over(memory, data_dir)
        self.trash = Trash(memory, data_dir)
        self._index = Index(memory)
        self._hashes = Hashes(memory)
        self._notes = NoteBook(memory)
        self._lock = threading.RLock()
        self._scan, self._scanned_ns = Scan(), 0
        self._probed: list[tuple[ModelFile, ModelFacts]] = []
        self._contents = _Contents()
        self._on_change: Callable[[], None] = lambda: None
        self._watcher: Watcher | None = None
        self._hasher: HashWorker | None = None
        self.changes = 0
        """Grows whenever anything here has changed."""
        self.refresh()

    @property
    def broken(self) -> dict[Path, str]:
        """What looks like a model and cannot be used -> why, and what to do."""
        return self._contents.broken

    @property
    def pending(self) -> dict[Path, str]:
        """What cannot be used and was changed a moment ago: probably it is being written."""
        return self._contents.pending

    def refresh(self) -> None:
        """Look again: new files appear, deleted ones vanish, changed ones are what they are now."""
        with self._lock:
            self._scanned_ns = time.time_ns()
            self._scan = scan(self._roots, self._shipped)
            broken, pending = dict(self._scan.failed), {}
            with _no_collection():
                self._probed = self._probe_all(broken, pending)
            self._index.save(self._scan.files, self._roots)
            changed = self._publish(broken, pending)
        if changed:
            self._tell()
            if self._hasher:
                self._hasher.look()

    def _probe_all(
        self, broken: dict[Path, str], pending: dict[Path, str]
    ) -> list[tuple[ModelFile, ModelFacts]]:
        """What the scan found and can be used; what cannot goes into `broken` or `pending`."""
        usable = []
        for file in self._scan.files:
            try:
                facts = self._index.probe(file)
            except CheckpointError as error:
                (pending if self._is_new(file) else broken)[file.path] = str(error)
                continue
            if not facts.problem:
                usable.append((file, facts))
            elif facts.kind != "unknown" or file.root != self._embedded:
                broken[file.path] = facts.problem
        return usable

    def refs(self, kind: str = "checkpoint") -> list[ModelRef]:
        """All usable models of one of `refs.KINDS`, the embedded ones first, then by name."""
        names = self._contents.names.get(kind)
        return names.refs() if names else []

    def find(self, name: str | None, kind: str = "checkpoint") -> ModelRef:
        """By name; None is the first. Also by file name, by path below its folder, by sha256 or
        its first digits, 10 or more, and as AUTOMATIC1111 writes it: "name.safetensors [hash]".

        Raises `UnknownCheckpoint`, or `UnknownModel` for other kinds, with the names there are.
        """
        names = self._contents.names.get(kind) or Names(kind)
        return names.find(name, self.sha256)

    def sha256(self, ref: ModelRef) -> str | None:
        """In hexadecimal digits, if it is known already. See `hashes` for that of a folder."""
        return self._hashes.get(ref.file)

    def short_hash(self, ref: ModelRef) -> str | None:
        """The first 10 digits of its sha256, as AUTOMATIC1111 shows it, if it is known already."""
        digest = self.sha256(ref)
        return digest and digest[:SHORT_HASH]

    def compute_sha256(self, ref: ModelRef) -> str:
        """Known, or read from the disk now, at some hundred MB a second. Raises
        `CheckpointError`."""
        digest = self.sha256(ref)
        if digest is None:
            try:
                digest = sha256_of(ref.path)
            except OSError as error:
                cause = error.strerror or error
                raise CheckpointError(f"{ref.name} cannot be read: {cause}.") from None
            self._hashes.put(ref.file, digest)
            self._hash_computed(ref)
        return digest

    def sha256_if_it_can_be(self, ref: ModelRef) -> str | None:
        """Known, or computed now unless `watch` does it beside everything else."""
        if self._hasher:
            return self.sha256(ref)
        with suppress(CheckpointError):
            return self.compute_sha256(ref)
        return None

    def duplicates(self) -> list[tuple[ModelRef, ...]]:
        """Groups of equal content, as far as hashes are known."""
        groups: dict[str, list[ModelRef]] = defaultdict(list)
        for ref in self._all():
            digest = self.sha256(ref)
            if digest:
                groups[digest].append(ref)
        return [tuple(group) for group in groups.values() if len(group) > 1]

    def set_notes(self, ref: ModelRef, **changes: Any) -> Notes:
        """Change some fields of `Notes`, which are in the refs from now on; None takes one back.
        They follow a renamed file once its hash is known. Raises `InvalidRequest`, also for a VAE
        that is not there, or `SaveError` if they cannot be written."""
        if isinstance(changes.get("vae"), str):
            changes["vae"] = self.find(changes["vae"], "vae").name
        notes = self._notes.set(ref, self.sha256(ref), changes)
        self._publish_again()
        return notes

    def is_shipped(self, ref: ModelRef) -> bool:
        """Whether it comes with the studio."""
        return ref.path in self._shipped or ref.file.root == self._embedded

    def delete(self, ref: ModelRef) -> Path:
        """Move its file or folder to `trash`, and return where it lies now, for `restore`.

        Raises `InvalidRequest` for an embedded model, `NotFound` if it is gone already,
        `SaveError` if it cannot be moved.
        """
        if self.is_shipped(ref):
            raise InvalidRequest(f"{ref.name} comes with the studio and cannot be deleted.")
        if not os.path.lexists(ref.path):
            raise NotFound(f"{ref.name} is gone already.")
        id = self.trash.put(ref.path)
        self.refresh()
        return self.trash.path(id)

    def restore(self, trashed: Path) -> Path:
        """Undo `delete`; returns where the file lies again. Raises as `Trash.restore` does."""
        path = self.trash.restore(trashed.parent.name)
        self.refresh()
        return path

    def watch(
        self, on_change: Callable[[], None] = lambda: None, interval_s: float = INTERVAL_S
    ) -> None:
        """From now on, until `close`: look for changes every `interval_s`, compute missing hashes
        in the background, and call `on_change` (in one of these threads) after every change.
        What was deleted thirty days ago is erased."""
        self._on_change = on_change
        self.trash.erase_old()
        self._watcher = Watcher(self._look, interval_s)
        self._hasher = HashWorker(self._hashes, self._all, self._hash_computed)

    @property
    def roots(self) -> tuple[Path, ...]:
        """The folders that are looked through."""
        return self._roots

    def close(self) -> None:
        """End `watch`; does nothing where it was not begun."""
        watcher, hasher = self._watcher, self._hasher
        self._watcher = self._hasher = None
        for each in filter(None, (watcher, hasher)):
            each.close()

    def _look(self) -> None:
        if self.pending or has_changed(self._scan, self._scanned_ns):
            self.refresh()

    def _tell(self) -> None:
        self.changes += 1
        self._on_change()

    def _hash_computed(self, ref: ModelRef) -> None:
        digest = self.sha256(ref)
        if digest:
            self._notes.learn(ref.path, digest)
        if self._noted(ref.file) != ref.notes:  # they follow a file that was renamed
            self._publish_again()
        self._tell()

    def _all(self) -> Iterable[ModelRef]:
        return [ref for kind in KINDS for ref in self.refs(kind)]

    @staticmethod
    def _is_new(file: ModelFile) -> bool:
        return abs(time.time_ns() - file.modified_ns) < SETTLE_S * 1e9

    def _publish_again(self) -> None:
        """The same files, with what is known or noted of them by now."""
        with self._lock:
            changed = self._publish(self.broken, self.pending)
        if changed:
            self._tell()

    def _publish(self, broken: dict[Path, str], pending: dict[Path, str]) -> bool:
        """Make refs of what was probed; whether anything differs from before."""
        refs: dict[str, dict[str, ModelRef]] = {kind: {} for kind in KINDS}
        for file, facts in sorted(self._probed, key=lambda each: _is_pickle(each[0])):
            named = refs[facts.kind]
            name = unused(self._shipped.get(file.path) or display_name(file), named)
            named[name] = ModelRef(name, file, facts, self._noted(file))
        first = {self._embedded, *(path.parent for path in self._shipped)}
        names = {kind: Names(kind, named.values(), first) for kind, named in refs.items()}
        before, self._contents = self._contents, _Contents(names, broken, pending)
        return before != self._contents

    def _noted(self, file: ModelFile) -> Notes:
        return self._notes.get(file.path, self._hashes.get(file))


def _is_pickle(file: ModelFile) -> bool:
    """They come last, so that of two files of one name the safetensors one has the plain name."""
    return file.path.suffix.lower() in PICKLES


@contextmanager
def _no_collection() -> Iterator[None]:
    """Headers make millions of small objects, and none of them a cycle: without the collector,
    which looks through them again and again, a thousand files take a sixth less time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()

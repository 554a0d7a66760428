"""Walks folders for what may be a model: no file is opened here."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from studio.catalog.captioners import FOLDERS as CAPTIONERS
from studio.catalog.onnx_header import SUFFIX as ONNX
from studio.catalog.previews import Previews
from studio.catalog.probe import PICKLES, SAFETENSORS
from studio.catalog.probe_folder import INDEX
from studio.domain.files import as_text
from studio.domain.refs import ModelFile, Preview

MAX_DEPTH = 12
MAX_ENTRIES = 200_000
"""Of all folders below one root together: many times the largest collection, and a second's look.
A root of more is no folder of models, or a link in it leads to half a disk."""
_MAX_PARTS = 1000
"""Entries that are looked at in each folder of a checkpoint in diffusers layout."""
_NO_MODELS = frozenset(("venv", "site-packages", "node_modules", "__pycache__"))
"""Folders of a web UI's own installation, with thousands of files and no model."""


@dataclass
class Scan:
    """files    what may be a model, in the order of the roots, then alphabetical
    folders  folder looked into -> when it changed, in ns; 0: it is not there
    failed   folder or file that cannot be looked at -> why
    """

    files: list[ModelFile] = field(default_factory=list)
    folders: dict[Path, int] = field(default_factory=dict)
    failed: dict[Path, str] = field(default_factory=dict)


def scan(roots: Iterable[Path], files: Iterable[Path] = ()) -> Scan:
    """Everything below `roots`, and the `embeddings` beside a root that is called `models`, as in
    AUTOMATIC1111's tree; and these single `files`. Never raises for the disk.

    Links are followed; a folder or file that can be reached in two ways is found once.
    """
    result, visited = Scan(), set()
    for file in files:
        _Walk(file.parent, result, visited).add_file(file)
    for root in roots:
        _Walk(root, result, visited).walk(root, 0)
        beside = root.parent / "embeddings"
        if root.name.lower() == "models" and beside.is_dir():
            _Walk(beside, result, visited).walk(beside, 0)
    return result


class _Walk:
    """Through one root, depth first. `visited` are the (device, inode) of all folders and files met
    so far."""

    def __init__(self, root: Path, result: Scan, visited: set[tuple[int, int]]) -> None:
        self._root = root
        self._result = result
        self._visited = visited
        self._left = MAX_ENTRIES

    def walk(self, folder: Path, depth: int, preview: Preview | None = None) -> None:
        """`preview` is what lies beside `folder`, should that be a model."""
        entries = self._entries(folder)
        if any(entry.name == INDEX for entry in entries):
            checkpoint = ModelFile(folder, *measure(folder), self._root, True, preview)
            self._result.files.append(checkpoint)
            return
        previews = Previews(folder, (entry.name for entry in entries))
        folders: list[Path] = []
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.name.lower().endswith((*SAFETENSORS, *PICKLES, ONNX)):
                self.add_file(Path(entry.path), previews.of(entry.name))
            elif depth == 0 and entry.name in CAPTIONERS:
                continue  # `captioners` looks there: they draw nothing
            elif depth < MAX_DEPTH and self._may_enter(entry):
                folders.append(folder / entry.name)
        for each in folders:
            self.walk(each, depth + 1, previews.of(each.name))

    def _entries(self, folder: Path) -> list[os.DirEntry[str]]:
        """What lies in `folder`, by name; nothing if it was met before, cannot be looked into, or
        the budget is spent."""
        result = self._result
        if self._left <= 0:
            return []
        try:
            status = folder.stat()
            result.folders[folder] = status.st_mtime_ns
            identity = (status.st_dev, status.st_ino)
            if not stat.S_ISDIR(status.st_mode) or identity in self._visited:
                return []
            self._visited.add(identity)
            with os.scandir(folder) as entries:
                listed = list(islice(entries, self._left))
        except FileNotFoundError:
            result.folders[folder] = 0
            return []
        except OSError as error:
            result.failed[folder] = as_text(f"{folder.name} cannot be opened: {error.strerror}.")
            return []
        self._left -= len(listed)
        if self._left <= 0:
            result.failed[self._root] = as_text(
                f"{self._root.name or self._root} holds more than {MAX_ENTRIES:,} files and "
                f"folders; what comes after {folder} was not looked at. Choose the folder of the "
                "models themselves, and remove links that lead out of it."
            )
        return sorted(listed, key=lambda entry: entry.name)

    def _may_enter(self, entry: os.DirEntry[str]) -> bool:
        """Is it a folder? A link to one that holds the root is refused: all of that would be
        looked through."""
        if entry.name in _NO_MODELS or not _is_folder(entry):
            return False
        if not entry.is_symlink():
            return True
        target, root = (Path(os.path.realpath(path)) for path in (entry.path, self._root))
        if target not in root.parents:
            return True
        self._result.failed[Path(entry.path)] = as_text(
            f"{entry.name} is a link to a folder that holds the models folder itself. Link to "
            "the folder with the models alone, or remove the link."
        )
        return False

    def add_file(self, path: Path, preview: Preview | None = None) -> None:
        """Unless it was met before."""
        result = self._result
        try:
            status = os.stat(path)
        except FileNotFoundError:
            if path.is_symlink():
                result.failed[path] = as_text(f"{path.name} is a link to a file that is not there.")
            return
        except OSError as error:
            result.failed[path] = as_text(f"{path.name} cannot be looked at: {error.strerror}.")
            return
        identity = (status.st_dev, status.st_ino)
        if stat.S_ISREG(status.st_mode) and identity not in self._visited:
            self._visited.add(identity)
            found = ModelFile(path, status.st_size, status.st_mtime_ns, self._root, False, preview)
            result.files.append(found)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def measure(folder: Path) -> tuple[int, int]:
    """Of a folder in diffusers layout: the bytes of its files and its parts' files, and when the
    newest was changed, in ns."""
    size = modified_ns = 0
    try:
        with os.scandir(folder) as entries:
            parts = islice(entries, _MAX_PARTS)
            paths = [path for entry in parts for path in _files_of(entry)]
    except OSError:
        return 0, 0
    for path in paths:
        try:
            status = os.stat(path)
        except OSError:
            continue
        size += status.st_size
        modified_ns = max(modified_ns, status.st_mtime_ns)
    return size, modified_ns


def _files_of(entry: os.DirEntry[str]) -> list[str]:
    if entry.name.startswith("."):
        return []
    if not _is_folder(entry):
        return [entry.path]
    try:
        with os.scandir(entry.path) as files:
            return [file.path for file in islice(files, _MAX_PARTS)]
    except OSError:
        return []

"""Walks folders for what may be a model: no file is opened here."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from studio.catalog.probe import PICKLES, SAFETENSORS
from studio.catalog.probe_folder import INDEX
from studio.domain.files import as_text
from studio.domain.refs import ModelFile

MAX_DEPTH = 12
_NO_MODELS = frozenset(("venv", "site-packages", "node_modules", "__pycache__"))
"""Folders of a web UI's own installation, with thousands of files and no model."""


@dataclass
class Scan:
    """found    what may be a model, in the order of the roots, then alphabetical
    folders  folder looked into -> when it changed, in ns; 0: it is not there
    failed   folder or file that cannot be looked at -> why
    """

    found: list[ModelFile] = field(default_factory=list)
    folders: dict[Path, int] = field(default_factory=dict)
    failed: dict[Path, str] = field(default_factory=dict)


def scan(roots: Iterable[Path]) -> Scan:
    """Everything below `roots`, and the `embeddings` beside a root that is called `models`, as in
    AUTOMATIC1111's tree. Never raises for the disk.

    Links are followed; a folder or file that can be reached in two ways is found once.
    """
    result, seen = Scan(), set()
    for root in roots:
        _walk(root, root, 0, result, seen)
        beside = root.parent / "embeddings"
        if root.name.lower() == "models" and beside.is_dir():
            _walk(beside, beside, 0, result, seen)
    return result


def _walk(folder: Path, root: Path, depth: int, result: Scan, seen: set[tuple[int, int]]) -> None:
    """Depth first. `seen` are the (device, inode) of all folders and files met so far."""
    try:
        status = folder.stat()
        result.folders[folder] = status.st_mtime_ns
        if not stat.S_ISDIR(status.st_mode) or (status.st_dev, status.st_ino) in seen:
            return
        seen.add((status.st_dev, status.st_ino))
        with os.scandir(folder) as entries:
            entries = sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        result.folders[folder] = 0
        return
    except OSError as error:
        result.failed[folder] = as_text(f"{folder.name} cannot be opened: {error.strerror}.")
        return
    if any(entry.name == INDEX for entry in entries):
        result.found.append(ModelFile(folder, *measure(folder), root, is_folder=True))
        return
    folders: list[Path] = []
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.name.lower().endswith(SAFETENSORS + PICKLES):
            _add_file(entry, root, result, seen)
        elif depth < MAX_DEPTH and entry.name not in _NO_MODELS and _is_folder(entry):
            folders.append(folder / entry.name)
    for each in folders:
        _walk(each, root, depth + 1, result, seen)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _add_file(
    entry: os.DirEntry[str], root: Path, result: Scan, seen: set[tuple[int, int]]
) -> None:
    path = Path(entry.path)
    try:
        status = os.stat(entry.path)
    except FileNotFoundError:
        if entry.is_symlink():
            result.failed[path] = as_text(f"{path.name} is a link to a file that is not there.")
        return
    except OSError as error:
        result.failed[path] = as_text(f"{path.name} cannot be looked at: {error.strerror}.")
        return
    identity = (status.st_dev, status.st_ino)
    if stat.S_ISREG(status.st_mode) and identity not in seen:
        seen.add(identity)
        result.found.append(ModelFile(path, status.st_size, status.st_mtime_ns, root))


def measure(folder: Path) -> tuple[int, int]:
    """Of a folder in diffusers layout: the bytes of its files and its parts' files, and when the
    newest was changed, in ns."""
    size = modified_ns = 0
    try:
        with os.scandir(folder) as entries:
            paths = [path for entry in entries for path in _files_of(entry)]
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
            return [file.path for file in files]
    except OSError:
        return []

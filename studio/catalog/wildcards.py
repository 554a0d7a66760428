"""The lists that prompts draw from: text files, one entry a line, in folders that may be nested."""

from __future__ import annotations

import difflib
import os
import re
import threading
from collections.abc import Sequence
from pathlib import Path

from studio.domain.dynamic_syntax import Entry, parse_entry
from studio.domain.errors import InvalidRequest, UnknownWildcard, shorten
from studio.domain.files import as_text, read_text

_MOST_FILES = 5000
_MOST_BYTES = 8 * 2**20
_MOST_KEPT = 200


class Wildcards:
    """The wildcards in `folders`, looked up at each use; of two called alike the later folder's
    counts. Called with a name, it gives its entries. Safe in several threads."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._lock = threading.Lock()
        self._read: dict[tuple[Path, int, int], Sequence[Entry]] = {}

    def names(self) -> list[str]:
        """All of them, as they stand in prompts without the underscores around them."""
        return sorted(name for name, _ in self._files().values())

    def __call__(self, name: str) -> Sequence[Entry]:
        """The entries of one, or of all that a name with * means. Raises `UnknownWildcard`, and
        `InvalidRequest` for a file that cannot be read."""
        files = self._files()
        key = _key(name)
        if "*" in key:
            pattern = re.compile(_pattern(key))
            found = [path for each, (_, path) in sorted(files.items()) if pattern.fullmatch(each)]
        else:
            found = [files[key][1]] if key in files else []
        if not found:
            raise UnknownWildcard(_unknown(name, key, files))
        return [entry for path in found for entry in self._entries(path)]

    def _files(self) -> dict[str, tuple[str, Path]]:
        """Key -> name, file."""
        found: dict[str, tuple[str, Path]] = {}
        for root in self._folders:
            for folder, folders, files in os.walk(root):
                folders[:] = sorted(each for each in folders if not each.startswith("."))
                for file in sorted(files):
                    if file.endswith(".txt") and len(found) < _MOST_FILES:
                        path = Path(folder, file)
                        name = as_text(path.relative_to(root).with_suffix("").as_posix())
                        found[_key(name)] = name, path
        return found

    def _entries(self, path: Path) -> Sequence[Entry]:
        try:
            stat = path.stat()
            key = path, stat.st_mtime_ns, stat.st_size
            with self._lock:
                if key in self._read:
                    return self._read[key]
            lines = read_text(path, _MOST_BYTES).removeprefix("\ufeff").splitlines()
        except UnicodeDecodeError:
            raise InvalidRequest(
                f"The wildcard {as_text(path)} is not UTF-8 text. Save it as such."
            ) from None
        except OSError as error:
            raise InvalidRequest(
                f"The wildcard {as_text(path)} cannot be read: {error.strerror or error}."
            ) from None
        entries = [entry for line in lines if (entry := parse_entry(line))]
        with self._lock:
            while len(self._read) >= _MOST_KEPT:
                del self._read[next(iter(self._read))]
            self._read[key] = entries
        return entries


def _key(name: str) -> str:
    return name.strip().strip("/").casefold()


def _pattern(key: str) -> str:
    """* is any text within a folder, ** also across folders."""
    pieces = {"**": ".*", "*": "[^/]*"}
    return "".join(pieces.get(each, re.escape(each)) for each in re.split(r"(\*\*|\*)", key))


def _unknown(name: str, key: str, files: dict[str, tuple[str, Path]]) -> str:
    near = difflib.get_close_matches(key, files, n=3, cutoff=0.5) or sorted(files)[:5]
    there_are = f" Is it {' or '.join(files[each][0] for each in near)}?" if near else ""
    return (
        f"There is no wildcard {shorten(name)}.{there_are} If the underscores are letters, write "
        "\\__."
    )

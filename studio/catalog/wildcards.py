"""The lists that prompts draw from, by their names."""

from __future__ import annotations

import difflib
import re
import threading
from collections.abc import Sequence
from pathlib import Path

from studio.catalog.wildcard_files import Folders, Source, key_of
from studio.domain.dynamic_syntax import Entry, parse_entry
from studio.domain.errors import InvalidRequest, UnknownWildcard, shorten
from studio.domain.files import as_text

_MOST_KEPT = 200


class Wildcards:
    """The wildcards in `folders`, looked up at each use; of two called alike the later folder's
    counts. Called with a name, it gives its entries. Safe in several threads."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = Folders(folders)
        self._lock = threading.Lock()
        self._read: dict[tuple[Source, int, int], Sequence[Entry]] = {}

    def names(self) -> list[str]:
        """All of them, as they stand in prompts without the underscores around them."""
        return sorted(source.name for source in self._sources().values())

    def __call__(self, name: str) -> Sequence[Entry]:
        """The entries of one, or of all that a name with * means. Raises `UnknownWildcard`, and
        `InvalidRequest` for a file that cannot be read."""
        sources = self._sources()
        key = key_of(name)
        if "*" in key:
            pattern = re.compile(_pattern(key))
            found = [each for at, each in sorted(sources.items()) if pattern.fullmatch(at)]
        else:
            found = [sources[key]] if key in sources else []
        if not found:
            raise UnknownWildcard(_unknown(name, key, sources))
        return [entry for source in found for entry in self._entries(source)]

    def _sources(self) -> dict[str, Source]:
        with self._lock:
            return self._folders.sources()

    def _entries(self, source: Source) -> Sequence[Entry]:
        path = source.path
        try:
            stat = path.stat()
            key = source, stat.st_mtime_ns, stat.st_size
            with self._lock:
                if key in self._read:
                    return self._read[key]
            lines = source.lines()
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


def _pattern(key: str) -> str:
    """* is any text within a folder, ** also across folders."""
    pieces = {"**": ".*", "*": "[^/]*"}
    return "".join(pieces.get(each, re.escape(each)) for each in re.split(r"(\*\*|\*)", key))


def _unknown(name: str, key: str, sources: dict[str, Source]) -> str:
    near = difflib.get_close_matches(key, sources, n=3, cutoff=0.5) or sorted(sources)[:5]
    there_are = f" Is it {' or '.join(sources[each].name for each in near)}?" if near else ""
    return (
        f"There is no wildcard {shorten(name)}.{there_are} If the underscores are letters, write "
        "\\__."
    )

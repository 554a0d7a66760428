"""Words to complete what is typed: tables of tags, in Danbooru's columns.

A table is a CSV file of `tag,category,count,aliases`, of which all but the first may be missing. A
hundred thousand rows are searched as one text: those that are used most stand first in it, so that
what is found first is what is wanted.
"""

from __future__ import annotations

import bisect
import csv
import io
import logging
import os
import re
import threading
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from studio.domain.files import as_text, read_text

log = logging.getLogger(__name__)

_MOST_BYTES = 64 * 2**20
_MOST_TAGS = 1_000_000
_WORD = re.compile(r"[^\W_]{2}")
CATEGORIES = {"1": "artist", "3": "copyright", "4": "character", "5": "meta"}
"""Danbooru's numbers of those that are not general."""


class Tag(NamedTuple):
    """`name` as it stands in a prompt, but for escapes; `aliases` stand for it."""

    name: str
    category: str = ""
    count: int = 0
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """A tag and, where that was found, which of its aliases."""

    tag: Tag
    alias: str | None = None


class Tags:
    """The tables `*.csv` in `folders`, looked up at each search and read again where they changed;
    a tag that is in several has its place in the last. Safe in several threads."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._lock = threading.Lock()
        self._seen: tuple[tuple[Path, int, int], ...] = ()
        self._index = _Index(())

    def find(self, text: str, limit: int) -> list[Found]:
        """At most `limit` whose name, alias, or a word of whose name begins with `text`, in this
        order; of each kind those that are used most first."""
        return self._current().find(normal(text), limit)

    def _current(self) -> _Index:
        seen = tuple(_tables(self._folders))
        with self._lock:
            if seen != self._seen:
                tags = {tag.name: tag for path, _, _ in seen for tag in _read(path)}
                self._index, self._seen = _Index(tags.values()), seen
            return self._index


class _Index:
    def __init__(self, tags: Iterable[Tag]) -> None:
        self._tags = sorted(tags, key=lambda tag: -tag.count)
        self._names = _Lines(normal(tag.name) for tag in self._tags)
        aliases = [(row, alias) for row, tag in enumerate(self._tags) for alias in tag.aliases]
        self._aliased = array("L", (row for row, _ in aliases))
        self._alias = [alias for _, alias in aliases]
        self._aliases = _Lines(map(normal, self._alias))

    def find(self, start: str, limit: int) -> list[Found]:
        if not start:
            return []
        found: dict[int, Found] = {}

        def take(lines: Iterator[int], of: Callable[[int], tuple[int, str | None]]) -> None:
            for line in lines:
                if len(found) >= limit:
                    return
                row, alias = of(line)
                found.setdefault(row, Found(self._tags[row], alias))

        take(self._names.with_text(f"\n{start}"), lambda line: (line, None))
        take(
            self._aliases.with_text(f"\n{start}"),
            lambda line: (self._aliased[line], self._alias[line]),
        )
        take(self._names.with_text(f" {start}"), lambda line: (line, None))
        return list(found.values())


class _Lines:
    """Lines as one text, each between two line ends."""

    def __init__(self, lines: Iterable[str]) -> None:
        kept = list(lines)
        self._text = "\n".join(["", *kept, ""])
        self._starts = array("L")
        at = 0
        for line in kept:
            self._starts.append(at)
            at += len(line) + 1

    def with_text(self, text: str) -> Iterator[int]:
        """Numbers of the lines that have it, in their order; a line end before it is theirs."""
        at = self._text.find(text)
        while at >= 0 and self._starts:
            line = bisect.bisect_right(self._starts, at) - 1
            yield line
            following = line + 1
            if following >= len(self._starts):
                return
            at = self._text.find(text, self._starts[following])


def normal(text: str) -> str:
    """`text` as it is compared: one blank between words, in small letters."""
    return " ".join(text.replace("_", " ").split()).casefold()


def _tables(folders: Sequence[Path]) -> Iterator[tuple[Path, int, int]]:
    for folder in folders:
        try:
            names = sorted(name for name in os.listdir(folder) if name.lower().endswith(".csv"))
        except OSError:
            continue
        for name in names:
            try:
                stat = (folder / name).stat()
            except OSError:
                continue
            yield folder / name, stat.st_mtime_ns, stat.st_size


def _read(path: Path) -> Iterator[Tag]:
    """Those of a table; what of it cannot be read is told in the log."""
    try:
        text = read_text(path, _MOST_BYTES).removeprefix("\ufeff").replace("\0", "")
        rows = csv.reader(io.StringIO(text, newline=""))
        for number, row in enumerate(rows):
            if number >= _MOST_TAGS:
                log.warning("%s has over %s tags: the rest is left out", as_text(path), _MOST_TAGS)
                return
            if row and (tag := _tag(row, number)):
                yield tag
    except UnicodeDecodeError:
        log.warning("Tags left out: %s is not UTF-8 text. Save it as such.", as_text(path))
    except csv.Error as error:
        log.warning("Tags of %s left out from a row on: %s", as_text(path), error)
    except OSError as error:
        log.warning("Tags left out: %s: %s", as_text(path), error.strerror or error)


def _tag(row: Sequence[str], number: int) -> Tag | None:
    name, category, count, aliases = row[:4] if len(row) > 3 else [*row, "", "", ""][:4]
    name, category, count = name.strip(), category.strip(), count.strip()
    if not name or name.startswith("#") or (number == 0 and name in ("tag", "name")):
        return None
    return Tag(
        _spoken(name),
        CATEGORIES.get(category, "" if category.isdigit() else category),
        int(count) if count.isdecimal() and len(count) < 15 else 0,
        tuple(filter(None, map(str.strip, aliases.split(",")))) if aliases else (),
    )


def _spoken(name: str) -> str:
    """With blanks for underscores, where it is words and no face as ^_^."""
    return name.replace("_", " ") if _WORD.search(name) else name

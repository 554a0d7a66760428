"""Where wildcards lie: text files with a line for each entry, and YAML files with many lists."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.domain.errors import InvalidRequest
from studio.domain.files import as_text, read_text

_MOST_LISTS = 5000
_MOST_BYTES = 8 * 2**20
_MOST_YAML_BYTES = 2**20
_DEEPEST = 16
_RECENT_NS = 2 * 10**9
"""A file system may give what is written shortly after another change the same time."""


@dataclass(frozen=True)
class Source:
    """A wildcard `name` in the file at `path`; `keys` lead to its list where that is YAML."""

    name: str
    path: Path
    keys: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Raises OSError, UnicodeDecodeError, or `InvalidRequest` for what is no YAML."""
        if self.path.suffix == ".txt":
            return read_text(self.path, _MOST_BYTES).removeprefix("\ufeff").splitlines()
        return dict(_lists(self.path)).get(self.keys, [])


class Folders:
    """The sources in `folders`; of two of one name that of the later folder counts."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._stamps: dict[Path, int | None] = {}
        self._since_ns = 0
        self._known: dict[str, Source] = {}

    def sources(self) -> dict[str, Source]:
        """Key -> source. Walks through the folders where one of them, or a YAML file, has
        changed."""
        stamps = {path: _stamp(path) for path in self._stamps}
        newest = max((stamp or 0 for stamp in stamps.values()), default=0)
        if not stamps or stamps != self._stamps or newest > self._since_ns - _RECENT_NS:
            self._since_ns = time.time_ns()
            self._stamps = {root: _stamp(root) for root in self._folders}
            self._known = dict(self._walked())
        return self._known

    def _walked(self) -> Iterator[tuple[str, Source]]:
        count = 0
        for root in self._folders:
            for folder, folders, files in os.walk(root):
                self._stamps[Path(folder)] = _stamp(Path(folder))
                folders[:] = sorted(each for each in folders if not each.startswith("."))
                for file in sorted(files):
                    for source in self._in_file(root, Path(folder, file)):
                        count += 1
                        if count > _MOST_LISTS:
                            return
                        yield key_of(source.name), source

    def _in_file(self, root: Path, path: Path) -> Iterator[Source]:
        name = as_text(path.relative_to(root).with_suffix("").as_posix())
        if path.suffix == ".txt":
            yield Source(name, path)
        elif path.suffix in (".yaml", ".yml"):
            self._stamps[path] = _stamp(path)
            try:
                for keys, _ in _lists(path):
                    yield Source("/".join(keys), path, keys)
            except (OSError, UnicodeDecodeError, InvalidRequest):
                yield Source(name, path)  # whoever asks for it is told


def key_of(name: str) -> str:
    return name.strip().strip("/").casefold()


def _stamp(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def _lists(path: Path) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Those in a YAML file, with the keys that lead to each. Everything in it is read as text."""
    import yaml  # a moment, which those without such files are spared

    class Plain(yaml.BaseLoader):
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):  # of a few bytes they make any number of lists
                raise yaml.YAMLError("it has aliases, as in *name")
            return super().compose_node(parent, index)

    text = read_text(path, _MOST_YAML_BYTES)
    try:
        found = list(_within(yaml.load(text, Plain), ()))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise InvalidRequest(
            f"The wildcards in {as_text(path)} cannot be read: {' '.join(str(error).split())}. "
            "They are YAML: names, with lists or further names below them."
        ) from None
    yield from found


def _within(tree: Any, keys: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    if len(keys) > _DEEPEST:
        raise ValueError("it is too deep")
    if isinstance(tree, dict):
        for key, inner in tree.items():
            yield from _within(inner, (*keys, str(key)))
    elif keys:
        entries = tree if isinstance(tree, list) else [tree]
        yield keys, [each for each in entries if isinstance(each, str)]

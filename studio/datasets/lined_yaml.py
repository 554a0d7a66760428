"""YAML of unknown origin -> plain values, and the line on which each of them stands.

Safe: no tags, no objects, no references (which can make little text a lot of memory), keys are the
text that was written (`no: …` is "no"), and none twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from studio.domain.errors import InvalidRequest, shorten

MOST_CHARACTERS = 1_000_000
_DEEPEST = 12
_PLAIN = tuple(f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null"))
_GROUPS = ("tag:yaml.org,2002:seq", "tag:yaml.org,2002:map")

Path = tuple[str | int, ...]


class Lines:
    """Where the values of a text stand."""

    def __init__(self) -> None:
        self._lines: dict[Path, int] = {}

    def note(self, path: Path, line: int) -> None:
        self._lines[path] = line

    def of(self, path: Sequence[str | int]) -> int | None:
        """The line, from 1, of the value at `path`, or of the nearest one around it."""
        for length in range(len(path), 0, -1):
            if (line := self._lines.get(tuple(path[:length]))) is not None:
                return line
        return None


def read(text: str) -> tuple[Any, Lines]:
    """What `text` says. Raises `InvalidRequest`, with the line."""
    if len(text) > MOST_CHARACTERS:
        raise InvalidRequest(
            f"A specification has at most {MOST_CHARACTERS:,} characters, this has {len(text):,}."
        )
    lines = Lines()
    try:
        for event in yaml.parse(text, yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                raise _refused(event, f"*{event.anchor} refers to another place. Write it out.")
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        return (None if node is None else _value(node, loader, lines, ())), lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"Line {mark.line + 1}: " if mark else ""
        raise InvalidRequest(
            f"{where}this is not valid YAML ({error.problem or error.context}). Look at the "
            "indentation, and quote texts that hold a colon, a bracket or a brace."
        ) from None
    except yaml.YAMLError as error:
        raise InvalidRequest(f"This is not valid YAML ({error}).") from None
    except RecursionError:
        raise InvalidRequest("The specification is nested too deeply.") from None


def _value(node: yaml.Node, loader: yaml.SafeLoader, lines: Lines, path: Path) -> Any:
    lines.note(path, node.start_mark.line + 1)
    if len(path) > _DEEPEST:
        raise _refused(node, "this is nested too deeply.")
    if not isinstance(node, yaml.ScalarNode) and node.tag not in _GROUPS:
        raise _refused(node, f"{shorten(node.tag)} is not read. Take it out.")
    if isinstance(node, yaml.SequenceNode):
        return [_value(each, loader, lines, (*path, n)) for n, each in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, loader, lines, path)
    if node.tag not in _PLAIN:
        return node.value  # a date, or what a tag would make of it, is but text
    try:
        return loader.construct_object(node)
    except (ValueError, yaml.YAMLError):
        raise _refused(node, f"{shorten(node.value)} is no such value. Quote it.") from None


def _mapping(
    node: yaml.MappingNode, loader: yaml.SafeLoader, lines: Lines, path: Path
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _refused(key, "a list or a table cannot be a name. Quote it.")
        if key.value in values:
            raise _refused(key, f"{shorten(key.value)} stands there twice. Take one out.")
        lines.note((*path, key.value), key.start_mark.line + 1)
        values[key.value] = _value(value, loader, lines, (*path, key.value))
        lines.note((*path, key.value), key.start_mark.line + 1)
    return values


def _refused(place: yaml.Node | yaml.Event, reason: str) -> InvalidRequest:
    return InvalidRequest(f"Line {place.start_mark.line + 1}: {reason}")

"""The text that AUTOMATIC1111 and those after it write into pictures, taken apart by its rules:

    prompt lines, then from a line that begins with "Negative prompt:" on those of the negative one;
    the last line is the settings', if it holds three pairs `key: value` or more, else the prompt's.

It comes from anybody: whatever stands there is read as something, in a time that grows with its
length alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

MOST_CHARACTERS = 2**20
"""Of a text; what comes after is not read."""

_NEGATIVE = "Negative prompt:"
_FEWEST_PAIRS = 3
_IN_QUOTES = re.compile(r'"(?:[^\\"]++|\\.)*+"')
_RECORD = re.compile(r"\{[^{}]*+\}")
"""What extensions write without quotes all the same."""
_PIECE = re.compile(r'"(?:[^\\"]++|\\.)*+"|[^,"]+|,|"')


@dataclass(frozen=True)
class Infotext:
    """`settings`: name -> value as text, quotes taken off; of a name that stands twice the last."""

    prompt: str
    negative_prompt: str
    settings: dict[str, str]


def read(text: str) -> Infotext:
    """Any text is one: at worst it is all prompt."""
    *lines, last = text[:MOST_CHARACTERS].strip().split("\n")
    found = list(_pairs(last))
    if len(found) < _FEWEST_PAIRS:
        lines, found = [*lines, last], []
    prompt: list[str] = []
    negative: list[str] = []
    into = prompt
    for line in map(str.strip, lines):
        if line.startswith(_NEGATIVE):
            into, line = negative, line.removeprefix(_NEGATIVE).strip()
        if into or line:  # a first line without a word adds none
            into.append(line)
    return Infotext("\n".join(prompt), "\n".join(negative), dict(found))


def pairs(text: str) -> dict[str, str]:
    """Name -> value of a value that holds such pairs itself, as a ControlNet unit's does."""
    return dict(_pairs(text[:MOST_CHARACTERS]))


def hashes(text: str) -> dict[str, str]:
    """Name -> digits of a value as that of "Lora hashes" is; names may be in quotes."""
    found: dict[str, str] = {}
    for piece in _split(text[:MOST_CHARACTERS]):
        name, _, digits = piece.rpartition(":")
        if name.strip():
            found[unquoted(name.strip())] = digits.strip()
    return found


def unquoted(value: str) -> str:
    """What the quotes hold; a value without, or with broken ones, is as it stands."""
    if len(value) >= 2 and value[0] == value[-1] == '"':
        try:
            text = json.loads(value)
            return text if isinstance(text, str) else value
        except ValueError:
            pass
    return value


def _split(text: str) -> Iterator[str]:
    """At the commas that are not in quotes."""
    pieces: list[str] = []
    for match in _PIECE.finditer(text):
        if match[0] == ",":
            yield "".join(pieces)
            pieces = []
        else:
            pieces.append(match[0])
    yield "".join(pieces)


def _pairs(line: str) -> Iterator[tuple[str, str]]:
    """A key has two characters or more, begins with a letter, digit or underscore and ends at a
    colon; a value in quotes or braces ends at a comma or the line's end, any other at the next
    comma."""
    at = 0
    while (colon := line.find(":", at)) >= 0:
        begin = colon
        while begin > at and (_is_word(line[begin - 1]) or line[begin - 1] in " -/"):
            begin -= 1
        while begin < colon and not _is_word(line[begin]):
            begin += 1
        if colon - begin < 2:
            at = colon + 1
            continue
        value, at = _value(line, colon + 1)
        yield line[begin:colon].strip(), value


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _value(line: str, at: int) -> tuple[str, int]:
    """(What begins at `at`, where the next pair may begin)."""
    while at < len(line) and line[at].isspace():
        at += 1
    quoted = _IN_QUOTES.match(line, at) or _RECORD.match(line, at)
    if quoted and line[quoted.end() : quoted.end() + 1] in ("", ","):
        return unquoted(quoted[0]), quoted.end() + 1
    end = line.find(",", at)
    end = len(line) if end < 0 else end
    return unquoted(line[at:end].strip()), end + 1

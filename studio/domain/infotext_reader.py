"""The text that AUTOMATIC1111 and those after it write into pictures, taken apart. It comes from
anybody: what cannot be read is left as it stands."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

MOST_CHARACTERS = 2**20
_NEGATIVE = "Negative prompt:"
_SETTING = re.compile(r'\s*([A-Za-z][\w \-/]{0,60}):\s*("(?:\\.|[^\\"])*"|[^,]*)(?:,|$)')
_FEWEST_SETTINGS = 3
"""Fewer in the last line, and it is the prompt's."""


@dataclass(frozen=True)
class Infotext:
    """`settings`: name, as it stands there -> value as text."""

    prompt: str
    negative_prompt: str
    settings: dict[str, str]


def read(text: str) -> Infotext:
    """Any text is one: at worst it is all prompt."""
    *lines, last = text[:MOST_CHARACTERS].strip().split("\n")
    settings = _settings(last)
    if len(settings) < _FEWEST_SETTINGS:
        lines, settings = [*lines, last], {}
    prompt, negative, of_negative = [], [], False
    for line in lines:
        if line.startswith(_NEGATIVE) and not of_negative:
            of_negative, line = True, line.removeprefix(_NEGATIVE).lstrip()
        (negative if of_negative else prompt).append(line)
    return Infotext("\n".join(prompt).strip(), "\n".join(negative).strip(), settings)


def pairs(text: str) -> dict[str, str]:
    """Name -> value of a value that is a list of such, as that of "Lora hashes" is."""
    return _settings(text)


def _settings(line: str) -> dict[str, str]:
    found, at = {}, 0
    while at < len(line):
        match = _SETTING.match(line, at)
        if match is None:
            return {}
        found.setdefault(match[1].strip(), _unquoted(match[2].strip()))
        at = match.end()
    return found


def _unquoted(value: str) -> str:
    if value.startswith('"'):
        try:
            text = json.loads(value)
            return text if isinstance(text, str) else value
        except ValueError:
            return value
    return value

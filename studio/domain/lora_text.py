"""A LoRA as text: its name and its weights with colons between them.

A name may hold whatever a file's name may. A backslash before one of the characters that mean
something makes it part of the name.
"""

from __future__ import annotations

import re

_PIECE = re.compile(r"((?:\\[\\:<>]|[^:])*)(?::|\Z)")
_ESCAPED = re.compile(r"\\([\\:<>])")


def escaped(name: str) -> str:
    """`name` as it is written before its weights, in the text or in a prompt's <lora:…>."""
    return re.sub(r"[\\:<>]", r"\\\g<0>", name)


def split(text: str) -> list[str]:
    """The pieces of `text` between its colons, those that are escaped not counted; at least one.
    A backslash before any other character is one, as in a path."""
    pieces, at = [], 0
    while True:
        match = _PIECE.match(text, at)
        pieces.append(_ESCAPED.sub(r"\1", match[1]))
        if match.end() == match.end(1):
            return pieces
        at = match.end()

"""Which embeddings a prompt names: a word that is the name of one stands for its vectors."""

from __future__ import annotations

import re
from collections.abc import Iterable


def split(text: str, names: Iterable[str]) -> list[tuple[str, str | None]]:
    """`text` cut at every name that stands in it as a word of its own, in any case.

    Each piece is (text, None) or (text, the name it is). A name is no word of its own inside a
    longer word or between hyphens; of two that begin alike the longer counts.
    """
    by_lower = {name.lower(): name for name in names if name}
    if not by_lower:
        return [(text, None)]
    either = "|".join(re.escape(name) for name in sorted(by_lower, key=len, reverse=True))
    pieces: list[tuple[str, str | None]] = []
    at = 0
    for match in re.finditer(rf"(?<![\w-])(?:{either})(?![\w-])", text, re.IGNORECASE):
        if name := by_lower.get(match[0].lower()):
            pieces += [(text[at : match.start()], None), (match[0], name)]
            at = match.end()
    return [*pieces, (text[at:], None)]


def places(text: str, names: Iterable[str]) -> list[tuple[str, int, int]]:
    """(name, start, end) of each that `text` names."""
    found, at = [], 0
    for piece, name in split(text, names):
        if name:
            found.append((name, at, at + len(piece)))
        at += len(piece)
    return found


def passed_over(name: str, why: str) -> str:
    """The warning that the embedding `name` was not used."""
    return f"The embedding {name} was passed over and its name read as words: {why}."


def named_in(text: str, names: Iterable[str]) -> set[str]:
    """Those of `names` that `text` names."""
    return {name for _, name in split(text, names) if name}

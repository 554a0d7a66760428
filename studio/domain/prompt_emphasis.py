"""How much each piece of a prompt counts: brackets as AUTOMATIC1111 reads them.

(x) counts 1.1 times as much, [x] 1.1 times less, (x:1.3) 1.3 times; what is nested multiplies. A
backslash before a bracket makes it a letter. BREAK begins a new chunk. Brackets that are left open
end with the text, and those without a beginning are letters: nothing is an error.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

EMPHASES = {
    "original": "Original",
    "no_norm": "No norm",
    "ignore": "Ignore",
    "none": "None",
}
"""What becomes of weights -> as other studios call it. Original keeps the mean of what a text
encoder says of a chunk, No norm does not, Ignore reads the brackets and drops their weights, None
reads them as letters."""

ROUND, SQUARE = 1.1, 1 / 1.1
"""What one bracket without a number multiplies by."""

_DIGITS = 9
"""Of a weight behind its point: (a) and [(a)] differ by rounding alone."""

_TOKEN = re.compile(
    r"\\[()\[\]\\]?"  # an escaped bracket or backslash; a lone backslash is nothing
    r"|:\s*[+-]?[.\d]+\s*\)"
    r"|[()\[\]:]"
    r"|[^\\()\[\]:]+"
)
_BREAK = re.compile(r"\bBREAK\b")


class Segment(NamedTuple):
    """Text that counts `weight` times; `start` to `end` is where it stands, brackets left out.
    `is_break`: no text, a new chunk begins."""

    text: str
    weight: float
    start: int
    end: int
    is_break: bool = False


_Piece = tuple[str | None, int, int]
"""Its text, None for a BREAK, and where it stands."""


@dataclass
class _Brackets:
    """Those of one kind. Of each the numbers of the first piece in it, and of the first behind it,
    and what it multiplies by."""

    usual: float
    first: list[int] = field(default_factory=list)
    behind: list[int] = field(default_factory=list)
    factor: list[float] = field(default_factory=list)
    open: list[int] = field(default_factory=list)

    def begin(self, piece: int) -> None:
        self.open.append(len(self.first))
        self.first.append(piece)
        self.behind.append(piece)
        self.factor.append(self.usual)

    def end(self, piece: int, factor: float | None = None) -> None:
        number = self.open.pop()
        self.behind[number] = piece
        if factor is not None:
            self.factor[number] = factor

    def products(self, count: int) -> Iterator[float]:
        """What each of `count` pieces is multiplied by. Linear: brackets of one kind never cross,
        so those around a piece are a stack."""
        while self.open:
            self.end(count)
        around: list[tuple[int, float]] = []
        number = 0
        for piece in range(count):
            while around and around[-1][0] <= piece:
                around.pop()
            while number < len(self.first) and self.first[number] == piece:
                if self.behind[number] > piece:
                    product = around[-1][1] if around else 1.0
                    around.append((self.behind[number], product * self.factor[number]))
                number += 1
            yield around[-1][1] if around else 1.0


def pieces(text: str, emphasis: str) -> list[Segment]:
    """`text` as its segments under one of `EMPHASES`."""
    if emphasis == "none":
        return [Segment(text, 1.0, 0, len(text))]
    found = segments(text)
    return [one._replace(weight=1.0) for one in found] if emphasis == "ignore" else found


def segments(text: str) -> list[Segment]:
    """`text` as pieces of one weight each, in order; neighbours of the same weight are one."""
    found: list[_Piece] = []
    round_, square = _Brackets(ROUND), _Brackets(SQUARE)
    for match in _TOKEN.finditer(text):
        token, (start, end) = match[0], match.span()
        first = token[0]
        if first == "(":
            round_.begin(len(found))
        elif first == "[":
            square.begin(len(found))
        elif first == "]" and square.open:
            square.end(len(found))
        elif round_.open and (first == ")" or (first == ":" and end - start > 1)):
            weight = _number(token) if first == ":" else None
            if weight is None and first == ":":
                found.append((token[:-1], start, end - 1))
            round_.end(len(found), weight)
        elif first == "\\":
            found.append((token[1:], start, end))
        elif "BREAK" in token:
            found += _broken(token, start)
        else:
            found.append((token, start, end))
    weights = zip(found, round_.products(len(found)), square.products(len(found)), strict=True)
    return joined((words, one * other, start, end) for (words, start, end), one, other in weights)


def _number(closing: str) -> float | None:
    """The weight of ":1.2)"; None for ")" and for what is no number after all."""
    try:
        weight = float(closing[1:-1])
    except ValueError:
        return None
    return weight if math.isfinite(weight) else None


def _broken(words: str, start: int) -> Iterator[_Piece]:
    """`words` between the BREAKs in it, around which blanks do not count."""
    at, is_after = 0, False
    for match in _BREAK.finditer(words):
        yield from _stripped(words[at : match.start()].rstrip(), start + at, is_after)
        yield None, start + match.start(), start + match.end()
        at, is_after = match.end(), True
    yield from _stripped(words[at:], start + at, is_after)


def _stripped(words: str, start: int, is_after: bool) -> Iterator[_Piece]:
    kept = words.lstrip() if is_after else words
    if kept:
        begin = start + len(words) - len(kept)
        yield kept, begin, begin + len(kept)


def joined(pieces: Iterable[tuple[str | None, float, int, int]]) -> list[Segment]:
    """(text, weight, start, end), None for a BREAK, as segments: neighbours of one weight are one,
    and nothing is none."""
    found: list[Segment] = []
    run: list[str] = []
    begin = stop = 0
    running = 1.0
    for words, weight, start, end in pieces:
        weight = round(weight, _DIGITS) if math.isfinite(weight) else math.copysign(1e9, weight)
        if run and (words is None or weight != running):
            found.append(Segment("".join(run), running, begin, stop))
            run = []
        if words is None:
            found.append(Segment("", weight, start, end, is_break=True))
        elif words:
            begin = begin if run else start
            stop, running = end, weight
            run.append(words)
    if run:
        found.append(Segment("".join(run), running, begin, stop))
    return found

"""A prompt as AUTOMATIC1111 reads it: comments, networks, several prompts, schedules, emphasis.

In this order: what follows # on a line is for people; <lora:name:weight> loads a network and is cut
out; AND parts prompts that are mixed by weight; in each of them brackets with colons or bars change
the text from step to step (`prompt_schedule`); in each text brackets say how much its pieces count
(`prompt_emphasis`). Nothing is ever an error here: what means nothing is text.
"""

from __future__ import annotations

import bisect
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from studio.domain.lora_tags import Tag, find

COMMENT = re.compile(r"^#[^\n]*(?:\n|\Z)|#[^\n]*", re.MULTILINE)
"""What is for people, and its line with it where it is all that stands there."""
_AND = re.compile(r"\bAND\b")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?|\d*\.\d+)")


@dataclass(frozen=True)
class Part:
    """One of the prompts that are mixed: its text, which may be a schedule, and how much it counts.
    `start` is where it begins."""

    text: str
    weight: float
    start: int


@dataclass(frozen=True)
class Reading:
    """A prompt that was read.

    text      without comments and networks
    networks  in their order
    parts     at least one
    """

    text: str
    networks: tuple[Tag, ...]
    parts: tuple[Part, ...]


class _Places:
    """A text of which stretches were cut out, more than once."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._cuts: list[list[tuple[int, int]]] = []
        """Of each cut (place after it, place before it), ascending, of what was kept."""

    def cut(self, spans: Iterable[tuple[int, int]]) -> None:
        pieces, kept, at, length = [], [], 0, 0
        for start, end in [*spans, (len(self.text), len(self.text))]:
            kept.append((length, at))
            pieces.append(self.text[at:start])
            length += start - at
            at = end
        self.text = "".join(pieces)
        self._cuts.append(kept)

    def before(self, at: int) -> int:
        """Where the character number `at` stood before all cuts."""
        for kept in reversed(self._cuts):
            after, before = kept[bisect.bisect_right(kept, (at, math.inf)) - 1]
            at += before - after
        return at


def read(prompt: str) -> Reading:
    """What `prompt` says. Linear in its length."""
    places, networks = _bare(prompt, COMMENT)
    return Reading(places.text, networks, tuple(_parts(places)))


def read_as_one(prompt: str, left_out: re.Pattern[str]) -> Reading:
    """`prompt` as one text, without networks and without what `left_out` matches: for readers that
    know neither comments nor several prompts."""
    places, networks = _bare(prompt, left_out)
    return Reading(places.text, networks, (Part(places.text, 1.0, places.before(0)),))


def _bare(prompt: str, left_out: re.Pattern[str]) -> tuple[_Places, tuple[Tag, ...]]:
    places = _Places(prompt)
    places.cut(match.span() for match in left_out.finditer(prompt))
    found = find(places.text)
    networks = tuple(replace(tag, start=places.before(tag.start)) for tag in found)
    places.cut((tag.start, tag.end) for tag in found)
    return places, networks


def _parts(places: _Places) -> Iterator[Part]:
    text = places.text
    edges = [(0, 0), *(match.span() for match in _AND.finditer(text)), (len(text), len(text))]
    if len(edges) == 2:
        yield Part(text, 1.0, places.before(0))
        return
    for (_, begin), (stop, _) in zip(edges, edges[1:], strict=False):
        words, weight = _weighted(text[begin:stop])
        begin += len(text[begin:stop]) - len(text[begin:stop].lstrip())
        yield Part(words, weight, places.before(begin))


def _weighted(text: str) -> tuple[str, float]:
    """ "red hill :1.2" as "red hill" and 1.2."""
    words, colon, number = text.rpartition(":")
    if colon and _NUMBER.fullmatch(number.strip()) and math.isfinite(float(number)):
        return words.strip(), float(number)
    return text.strip(), 1.0

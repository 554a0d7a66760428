"""A prompt as other studios than AUTOMATIC1111 read it: which brackets mean something, and what.

ComfyUI: (x) counts 1.1 times as much and (x:1.3) 1.3 times, whatever is around it; all else is
letters. InvokeAI, whose reader is Compel: x+ counts 1.1 times, x- 0.9 times, each further sign once
more, and so do (several words)++ and (several words)1.3.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator

from studio.domain.prompt_emphasis import EMPHASES, Segment, joined
from studio.domain.prompt_emphasis import pieces as emphasised
from studio.domain.prompt_schedule import FIRST, Begun
from studio.domain.prompt_schedule import schedule as changing
from studio.domain.prompt_syntax import Reading, read, read_as_one

_Piece = tuple[str, float, int, int]
"""Its text, its weight, and where it stands."""

DIALECTS = {"a1111": "AUTOMATIC1111", "comfyui": "ComfyUI", "invokeai": "InvokeAI"}
"""How brackets in a prompt are read -> whose way that is."""

_DEEPEST = 50
"""Brackets within so many others are letters: nobody means them."""

_EMBEDDING = re.compile(r"\bembedding:(?=\S)")
"""What stands before an embedding's name in ComfyUI."""
_NOTHING = re.compile(r"(?!)")

_ESCAPED = re.compile(r"\\([()])")
_SUFFIX = re.compile(r"(\++|-+)|((?:\d+\.?\d*|\.\d+))")
_SIGNED = re.compile(r"(?<!\S)([^\s()+-][^\s()+]*?)(\++|-+)(?=[\s,.;()]|\Z)")


def reading(prompt: str, dialect: str) -> Reading:
    """What `prompt` says. Only AUTOMATIC1111's mixes several, and knows comments."""
    if dialect == "a1111":
        return read(prompt)
    return read_as_one(prompt, _EMBEDDING if dialect == "comfyui" else _NOTHING)


def schedule(text: str, dialect: str, steps: int, begun: Begun = FIRST) -> list[tuple[int, str]]:
    """[(last step, text)], which is one text but in AUTOMATIC1111's dialect."""
    return changing(text, steps, begun) if dialect == "a1111" else [(steps, text)]


def pieces(text: str, emphasis: str, dialect: str) -> list[Segment]:
    """`text` in pieces of one weight each, under one of `EMPHASES`."""
    assert emphasis in EMPHASES
    if emphasis == "none" or dialect == "a1111":
        return emphasised(text, emphasis)
    ways = {"comfyui": (_comfyui, _letters), "invokeai": (_compel, _signed)}
    found = joined(_weighed(text, *ways[dialect]))
    return [one._replace(weight=1.0) for one in found] if emphasis == "ignore" else found


_Group = Callable[[str, int, int, int, float], tuple[int, float, int]]
"""(text, where a bracket's content begins and ends, where the text around it ends, the weight
around it) -> (where its words end, their weight, where it ends itself)."""
_Letters = Callable[[str, int, int, float], Iterator[_Piece]]


def _weighed(text: str, group: _Group, letters: _Letters) -> Iterator[_Piece]:
    """A stray ) makes letters of all that follow it, one that is missing of what it would end."""
    left: list[tuple[int, int, float, int]] = [(0, len(text), 1.0, 0)]
    while left:
        start, end, weight, depth = left.pop()
        groups = list(_groups(text, start, end)) if depth < _DEEPEST else []
        if not groups:
            yield from letters(text, start, end, weight)
            continue
        at, inner = start, []
        for begin, stop in groups:
            words_end, own, behind = group(text, begin + 1, stop - 1, end, weight)
            inner.append((at, begin, weight, _DEEPEST))
            inner.append((begin + 1, words_end, own, depth + 1))
            at = behind
        left += reversed([*inner, (at, end, weight, _DEEPEST)])


def _groups(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Where the outermost brackets begin and end, both within."""
    depth = begin = 0
    at = start
    while at < end:
        if text[at] == "\\" and text[at + 1 : at + 2] in ("(", ")"):
            at += 1
        elif text[at] == "(":
            begin = at if depth == 0 else begin
            depth += 1
        elif text[at] == ")":
            depth -= 1
            if depth == 0:
                yield begin, at + 1
        at += 1


def _comfyui(text: str, start: int, end: int, _: int, around: float) -> tuple[int, float, int]:
    colon = text.rfind(":", start, end)
    weight = _number(text[colon + 1 : end]) if colon > start else None
    return (end, around * 1.1, end + 1) if weight is None else (colon, weight, end + 1)


def _letters(text: str, start: int, end: int, weight: float) -> Iterator[_Piece]:
    yield (_ESCAPED.sub(r"\1", text[start:end]), weight, start, end)


def _compel(text: str, start: int, end: int, last: int, around: float) -> tuple[int, float, int]:
    sign = _SUFFIX.match(text, end + 1, last)
    if sign is None:
        return end, around, end + 1
    factor = _by_signs(sign[1]) if sign[1] else _number(sign[2])
    return end, around * (1.0 if factor is None else factor), sign.end()


def _signed(text: str, start: int, end: int, weight: float) -> Iterator[_Piece]:
    at = start
    for match in _SIGNED.finditer(text, start, end):
        yield from _letters(text, at, match.start(), weight)
        yield (match[1], weight * _by_signs(match[2]), match.start(), match.end())
        at = match.end()
    yield from _letters(text, at, end, weight)


def _by_signs(signs: str) -> float:
    return (1.1 if signs[0] == "+" else 0.9) ** min(len(signs), 100)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None

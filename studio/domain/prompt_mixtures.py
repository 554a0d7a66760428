"""Prompts of InvokeAI, whose reader is Compel, that several texts are made to one of.

    ("a cat", "a dog").blend(0.7, 0.3)  what the text encoder says of each, added up by the weights,
                                        which are brought to a sum of 1 first: not so with
                                        .blend(0.7, 0.3, no_normalize)
    ("a cat", "a dog").and(1, 0.5)      what it says of each, one behind the other; a weight scales
                                        how that differs from what is said of an empty text. Without
                                        weights, as in .and(), all are 1

A prompt is such a thing as a whole, or it is a text. Nothing is an error.
"""

from __future__ import annotations

import math
import re
from typing import Literal, NamedTuple

_BEGIN = re.compile(r"\s*\(\s*")
_TEXT = re.compile(r"""(?:"((?:\\.|[^"\\])*)"|'((?:\\.|[^'\\])*)')\s*([,)])\s*""", re.DOTALL)
_END = re.compile(r"\.(blend|and)\(([^()]*)\)\s*\Z")
_QUOTE = re.compile(r"""\\(["'])""")
_LEFT = re.compile(r"\.(?:blend|and|swap)\s*\(")
_MOST = 16
"""Texts of one prompt: an .and() is as long as all of them."""


class Mixture(NamedTuple):
    """`texts` with their weights: one, to be blended, or to be laid end to end."""

    how: Literal["one", "blend", "and"]
    texts: tuple[tuple[str, float], ...]


def mixture(text: str, dialect: str) -> Mixture:
    """What `text`, without networks, is in `dialect`. Linear in its length."""
    found = _mixed(text) if dialect == "invokeai" else None
    return found or Mixture("one", ((text, 1.0),))


def left_as_letters(text: str, dialect: str) -> str | None:
    """The first thing in `text` that Compel would act on and that is letters here."""
    if dialect != "invokeai":
        return None
    found = (_LEFT.search(each) for each, _ in mixture(text, dialect).texts)
    return next((match[0] + "…)" for match in found if match), None)


def _mixed(text: str) -> Mixture | None:
    begin = _BEGIN.match(text)
    if begin is None:
        return None
    at, texts, closing = begin.end(), [], ","
    while closing == ",":
        match = _TEXT.match(text, at)
        if match is None or len(texts) == _MOST:
            return None
        words = match[2] if match[1] is None else match[1]
        texts.append(_QUOTE.sub(r"\1", words))
        at, closing = match.end(), match[3]
    end = _END.match(text, at)
    weights = end and _weights(end[1], end[2], len(texts))
    return Mixture(end[1], tuple(zip(texts, weights, strict=True))) if weights else None


def _weights(how: str, listed: str, count: int) -> list[float] | None:
    """None where they do not fit the texts."""
    said = [each.strip() for each in listed.split(",")] if listed.strip() else []
    is_whole = how == "blend"
    if is_whole and said[-1:] == ["no_normalize"]:
        said.pop()
        is_whole = False
    if how == "and" and not said:
        return [1.0] * count
    try:
        weights = [float(each) for each in said]
    except ValueError:
        return None
    if len(weights) != count or not all(map(math.isfinite, weights)):
        return None
    total = sum(weights)
    if not is_whole:
        return weights
    return [weight / total for weight in weights] if total else None

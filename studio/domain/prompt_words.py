"""The words of a prompt, and where they stand in it as it was typed, whatever becomes of it.

Each word is replaced by a mark, a letter that nobody types. What reads the prompt's syntax reads
the marked one alike, so that the marks in what comes out tell which words are left, and where.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from studio.domain import lora_tags
from studio.domain.prompt_emphasis import Segment

_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_LETTER = re.compile(r"[^\W\d_]")
_NUMBER = re.compile(r"\d+[eE]\d+")
_SYNTAX = re.compile(r"\b(?:AND|BREAK)\b|\bembedding(?=:)|\.\w+(?=\()")
"""Words that mean something to one of the dialects."""
_FIRST, _LAST = 0xF0000, 0xFFFFD
_MARK = re.compile(f"[{chr(_FIRST)}-{chr(_LAST)}]")


class Span(NamedTuple):
    """Of the characters of a text, `end` left out."""

    start: int
    end: int


class Marked(NamedTuple):
    """`text` has a mark for each of the words, which stood at `spans` of `prompt`."""

    prompt: str
    text: str
    spans: tuple[Span, ...]


def marked(prompt: str) -> Marked:
    """`prompt` with its words marked: what has a letter in it and is no syntax. Linear."""
    if _MARK.search(prompt):
        return Marked(prompt, prompt, ())
    means_more = [(tag.start, tag.end) for tag in lora_tags.find(prompt)]
    means_more += [match.span() for match in _SYNTAX.finditer(prompt)]
    covered = bytearray(len(prompt))
    for start, end in means_more:
        covered[start:end] = b"\1" * (end - start)
    spans, pieces, at = [], [], 0
    for match in _WORD.finditer(prompt):
        start, end = match.span()
        is_word = _LETTER.search(prompt, start, end) and not _NUMBER.fullmatch(match[0])
        if not is_word or covered[start] or len(spans) > _LAST - _FIRST:
            continue
        pieces += [prompt[at:start], chr(_FIRST + len(spans))]
        spans.append(Span(start, end))
        at = end
    return Marked(prompt, "".join([*pieces, prompt[at:]]), tuple(spans))


def placed(
    pieces: Sequence[Segment], marked: Marked
) -> tuple[tuple[str, ...], list[tuple[Span, Span]]]:
    """(`pieces`, made of a marked prompt, with their words again; each word as it stands in all of
    them, one after the other, and in the prompt)."""
    texts: list[str] = []
    words: list[tuple[Span, Span]] = []
    length = 0
    for piece in pieces:
        plain: list[str] = []
        at = 0
        for match in _MARK.finditer(piece.text):
            span = marked.spans[ord(match[0]) - _FIRST]
            word = marked.prompt[span.start : span.end]
            plain += [piece.text[at : match.start()], word]
            length += match.start() - at + len(word)
            words.append((Span(length - len(word), length), span))
            at = match.end()
        plain.append(piece.text[at:])
        length += len(piece.text) - at
        texts.append("".join(plain))
    return tuple(texts), words

"""A prompt as rows of token ids: chunks of 75 between their start and end marks, 77 in all, cut as
AUTOMATIC1111 cuts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from studio.domain import embedding_names
from studio.domain.prompt_emphasis import Segment

CHUNK_TOKENS = 75

_BACKTRACK = 20
"""A chunk that is full ends at its last comma, if that is so many tokens back at most."""

_PLACE = 0
"""The id that stands where vectors go in: any but the end mark, which the pooled embedding is
searched by."""


@dataclass
class Chunk:
    """One row. `vectors`: place among `ids` -> what stands there instead of a token; `weights`: how
    much each of the ids counts; `starts`: where in the text those begin that are neither marks nor
    padding."""

    ids: list[int]
    weights: list[float]
    vectors: dict[int, torch.Tensor] = field(default_factory=dict)
    starts: tuple[int, ...] = ()

    @property
    def tokens(self) -> int:
        """So many are neither marks nor padding."""
        return len(self.starts)

    @property
    def is_plain(self) -> bool:
        """All count the same."""
        return all(weight == 1 for weight in self.weights)


def chunks(
    pieces: Sequence[Segment],
    tokenizer: Any,
    embeddings: Mapping[str, torch.Tensor] | None = None,
) -> list[Chunk]:
    """`pieces` of a text cut into rows, padded; at least one.

    The words that `embeddings` names become its vectors (n, width). They take a token's place
    each, and those of one word stay together where a chunk has room for them.
    """
    rows, start = _Rows(tokenizer), 0
    for piece in pieces:
        if piece.is_break:
            rows.next()
        for words, name in embedding_names.split(piece.text, embeddings or {}):
            if name:
                rows.add_together(list(embeddings[name]), piece.weight, start)
            elif words:
                read = tokenizer(
                    words, add_special_tokens=False, verbose=False, return_offsets_mapping=True
                )
                for id, (at, _) in zip(read.input_ids, read.offset_mapping, strict=True):
                    rows.add(id, piece.weight, start + at)
            start += len(words)
    return rows.chunks()


class _Rows:
    """Tokens or vectors, with weights and places in the text, as they fill row after row."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._comma = tokenizer(",", add_special_tokens=False, verbose=False).input_ids
        self._rows: list[list[tuple[int | torch.Tensor, float, int]]] = [[]]
        self._after_comma = 0
        """So many of the last row stand up to its last comma; 0: it has none."""

    def next(self) -> None:
        self._rows.append([])
        self._after_comma = 0

    def add(self, item: int | torch.Tensor, weight: float, start: int) -> None:
        row = self._rows[-1]
        is_comma = [item] == self._comma if isinstance(item, int) else False
        if len(row) == CHUNK_TOKENS:
            kept = self._after_comma
            is_near = kept and CHUNK_TOKENS - kept < _BACKTRACK and not is_comma
            moved = row[kept:] if is_near else []
            del row[CHUNK_TOKENS - len(moved) :]
            self.next()
            self._rows[-1] += moved
        self._rows[-1].append((item, weight, start))
        if is_comma:
            self._after_comma = len(self._rows[-1])

    def add_together(self, items: list[torch.Tensor], weight: float, start: int) -> None:
        if CHUNK_TOKENS - len(self._rows[-1]) < len(items) <= CHUNK_TOKENS:
            self.next()
        for item in items:
            self.add(item, weight, start)

    def chunks(self) -> list[Chunk]:
        if len(self._rows) > 1 and not self._rows[-1]:
            self._rows.pop()
        return [self._chunk(row) for row in self._rows]

    def _chunk(self, row: list[tuple[int | torch.Tensor, float, int]]) -> Chunk:
        vectors = {
            place: item
            for place, (item, _, _) in enumerate(row, 1)
            if isinstance(item, torch.Tensor)
        }
        ids = [_PLACE if isinstance(item, torch.Tensor) else item for item, _, _ in row]
        missing = CHUNK_TOKENS - len(row)
        tokenizer = self._tokenizer
        padding = [tokenizer.pad_token_id] * missing
        return Chunk(
            [tokenizer.bos_token_id, *ids, tokenizer.eos_token_id, *padding],
            [1.0, *(weight for _, weight, _ in row), 1.0, *[1.0] * missing],
            vectors,
            tuple(start for _, _, start in row),
        )


def starts(
    pieces: Sequence[Segment],
    tokenizer: Any,
    embeddings: Mapping[str, torch.Tensor] | None = None,
) -> list[tuple[int, int]]:
    """Of each token of `pieces`, read as `chunks`: where it stands in their text, and its place
    among those of all rows laid end to end, marks and padding included."""
    rows = enumerate(chunks(pieces, tokenizer, embeddings))
    return [
        (start, number * len(row.ids) + place)
        for number, row in rows
        for place, start in enumerate(row.starts, 1)
    ]


def count(word: str, tokenizer: Any) -> int:
    """How many tokens it takes."""
    return len(tokenizer(word, add_special_tokens=False, verbose=False).input_ids)

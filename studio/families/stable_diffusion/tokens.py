"""A prompt as rows of token ids: chunks of 75 between their start and end marks, 77 in all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from studio.domain import embedding_names

CHUNK_TOKENS = 75

_PLACE = 0
"""The id that stands where vectors go in: any but the end mark, which the pooled embedding is
searched by."""


@dataclass
class Chunk:
    """One row. `vectors`: place among `ids` -> what stands there instead of a token."""

    ids: list[int]
    vectors: dict[int, torch.Tensor] = field(default_factory=dict)


def chunks(
    text: str, tokenizer: Any, embeddings: Mapping[str, torch.Tensor] | None = None
) -> list[Chunk]:
    """`text` cut into rows, padded; at least one.

    The words that `embeddings` names become its vectors (n, width). They take a token's place
    each, and those of one word stay together where a chunk has room for them.
    """
    embeddings = embeddings or {}
    rows: list[list[int | torch.Tensor]] = [[]]
    for piece, name in embedding_names.split(text, embeddings):
        if name:
            items = list(embeddings[name])
            if len(items) > CHUNK_TOKENS - len(rows[-1]) and len(items) <= CHUNK_TOKENS:
                rows.append([])
        else:
            items = tokenizer(piece, add_special_tokens=False, verbose=False).input_ids
        for item in items:
            if len(rows[-1]) == CHUNK_TOKENS:
                rows.append([])
            rows[-1].append(item)
    return [_chunk(row, tokenizer) for row in rows]


def _chunk(row: list[int | torch.Tensor], tokenizer: Any) -> Chunk:
    vectors = {place: item for place, item in enumerate(row, 1) if isinstance(item, torch.Tensor)}
    ids = [_PLACE if isinstance(item, torch.Tensor) else item for item in row]
    padding = [tokenizer.pad_token_id] * (CHUNK_TOKENS - len(ids))
    return Chunk([tokenizer.bos_token_id, *ids, tokenizer.eos_token_id, *padding], vectors)

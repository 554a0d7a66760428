"""Several texts as a backbone reads them, made to one."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch

from studio.diffusion.conditioning import Text


def blended(texts: Sequence[tuple[Text, float]]) -> Text:
    """Their sum by their weights, the pooled vectors' too; of one length."""
    first = texts[0][0]
    pooled = None
    if first.pooled is not None:
        pooled = _sum([(text.pooled, weight) for text, weight in texts])
    return Text(_sum([(text.embeds, weight) for text, weight in texts]), pooled)


def end_to_end(texts: Sequence[tuple[Text, float]], empty: Text, count: int) -> Text:
    """One behind the other, filled up to `count` with `empty`; a weight scales how a text differs
    from that. The pooled vector is the first one's."""
    parts = []
    for text, weight in texts:
        embeds = text.embeds
        if weight != 1:
            base = empty.embeds.float()
            embeds = (base + (embeds.float() - base) * weight).to(embeds.dtype)
        parts.append(embeds)
    parts += [empty.embeds] * (count - len(parts))
    return dataclasses.replace(texts[0][0], embeds=torch.cat(parts, dim=1))


def _sum(tensors: Sequence[tuple[torch.Tensor, float]]) -> torch.Tensor:
    total = sum(tensor.float() * weight for tensor, weight in tensors)
    return total.to(tensors[0][0].dtype)

"""Where the words of a prompt act: the cross attentions of a U-Net, looked at while it predicts
(DAAM, arXiv:2210.04885). The prediction is the same to the last bit: what is looked at are the
queries and keys that it computes anyway."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from studio.diffusion.conditioning import Text, Word

LOOKS = 10
"""So often, spread over a run, each text is looked at."""

_LEAST, _FEW, _MOST = 8 * 8, 32 * 32, 64 * 64
"""Queries of a layer that is looked at. One of fewer than the least blurs where things are; one of
more than a few, unless these are a quarter of the latent cells at most, takes too long, and one of
more than the most too much memory."""

Words = tuple[Word, ...]
Size = tuple[int, int]
"""Height and width."""


class Attention:
    """What is seen of the words of one pass, in `count` pictures of `cells`, (h, w)."""

    def __init__(self, count: int, cells: Size) -> None:
        self._count, self._cells = count, cells
        self._sums: dict[tuple[Words, Size], torch.Tensor] = {}
        self._calls: dict[Words, int] = {}
        self._looked: dict[Words, float] = {}
        self._choices: dict[Words, torch.Tensor] = {}

    def watched(self, texts: Sequence[Text], begun: float, first: int) -> tuple[Watched, ...]:
        """What is looked at in a call before which the share `begun` of the pass is behind, whose
        rows from number `first` on are these pictures under each of `texts`. Mostly nothing."""
        found = []
        for place, text in enumerate(texts):
            if not text.words or begun - self._looked.get(text.words, -1.0) < 1 / LOOKS - 1e-6:
                continue
            self._looked[text.words] = begun
            found.append(Watched(first + place * self._count, self._count, text.words, self))
        return tuple(found)

    def chosen(self, words: Words, attention: torch.Tensor) -> torch.Tensor:
        """The mean over heads of `attention` (heads, queries, L), for each of the words the mean
        over its tokens: (queries, words)."""
        choice = self._choices.get(words)
        if choice is None:
            choice = torch.zeros(attention.shape[-1], len(words))
            for number, word in enumerate(words):
                choice[list(word.places), number] = 1 / len(word.places)
            choice = self._choices[words] = choice.to(attention.device)
        return attention.mean(0) @ choice

    def add(self, words: Words, sums: Mapping[Size, torch.Tensor]) -> None:
        """What was seen in one call: size of layers -> their sum (count, h·w, words)."""
        self._calls[words] = self._calls.get(words, 0) + 1
        for size, seen in sums.items():
            before = self._sums.get((words, size))
            self._sums[words, size] = seen if before is None else before + seen

    def maps(self) -> dict[tuple[int, int], torch.Tensor]:
        """Start and end of each word -> (count, h, w) float32 on the CPU, at the size of the latent
        cells: how much is paid to it there, on the same scale for all words."""
        sums: dict[tuple[int, int], torch.Tensor] = {}
        calls: dict[tuple[int, int], int] = {}
        for words, size in self._sums:
            seen = self._sums[words, size].cpu().unflatten(1, size).movedim(-1, 1)
            seen = functional.interpolate(seen, self._cells, mode="bilinear", align_corners=False)
            for word, each in zip(words, seen.unbind(1), strict=True):
                span = word.start, word.end
                sums[span] = sums.get(span, 0) + each
        for words, count in self._calls.items():
            for word in words:
                span = word.start, word.end
                calls[span] = calls.get(span, 0) + count
        return {span: total / calls[span] for span, total in sums.items()}


@dataclass(frozen=True, eq=False)
class Watched:
    """Rows of a call, `count` from number `first` on, which are of one text with `words`; what is
    seen of them is told to `attention`."""

    first: int
    count: int
    words: Words
    attention: Attention

    def behind(self, rows: int) -> Watched:
        """The same where so many rows of others come before."""
        return dataclasses.replace(self, first=self.first + rows)


class CrossAttention:
    """The cross attentions of `unet`, looked at for one call at a time."""

    def __init__(self, unet: nn.Module) -> None:
        self._layers = [module for name, module in unet.named_modules() if name.endswith(".attn2")]

    @contextmanager
    def looked_at(self, watched: Sequence[Watched], cells: Size) -> Iterator[None]:
        """For one call with latents of `cells`, (h, w). Where that ends early nothing was seen;
        after it the U-Net is as it was, whatever happened."""
        looks = [_Look(layer, watched, tuple(cells)) for layer in self._layers]
        with ExitStack() as hooks:
            for look in looks:
                hooks.enter_context(look.layer.to_q.register_forward_hook(look.see_queries))
                hooks.enter_context(look.layer.to_k.register_forward_hook(look.see_keys))
            yield
        for number, each in enumerate(watched):
            sums: dict[Size, torch.Tensor] = {}
            for look in looks:
                if look.seen:
                    seen = look.seen[number]
                    sums[look.size] = sums[look.size] + seen if look.size in sums else seen
            each.attention.add(each.words, sums)


class _Look:
    """At one `layer`, for one call. `seen`: for each of those watched (count, h·w, words), of a
    layer of `size`."""

    def __init__(self, layer: Any, watched: Sequence[Watched], cells: Size) -> None:
        self.layer, self._watched, self._cells = layer, watched, cells
        self._queries: torch.Tensor | None = None
        self.seen: list[torch.Tensor] = []
        self.size: Size = cells

    def see_queries(self, _: nn.Module, __: Any, queries: torch.Tensor) -> None:
        count, cells = queries.shape[1], math.prod(self._cells)
        if _LEAST <= count <= max(_FEW, min(_MOST, cells // 4)):
            self._queries = queries

    def see_keys(self, _: nn.Module, __: Any, keys: torch.Tensor) -> None:
        queries, self._queries = self._queries, None
        if queries is None:
            return
        self.size = _at_level(self._cells, queries.shape[1])
        for each in self._watched:
            rows = range(each.first, each.first + each.count)
            seen = [
                each.attention.chosen(each.words, self._weights(queries[row], keys[row]))
                for row in rows
            ]
            self.seen.append(torch.stack(seen))

    def _weights(self, queries: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
        """softmax(q kᵀ · scale) of one row: (heads, queries, L), float32, in which half precision
        does not run over."""
        heads = self.layer.heads
        queries = queries.float().unflatten(-1, (heads, -1)).transpose(0, 1)
        keys = keys.float().unflatten(-1, (heads, -1)).permute(1, 2, 0)
        return torch.softmax(queries @ keys * self.layer.scale, dim=-1)


def _at_level(cells: Size, queries: int) -> Size:
    """The size of a layer of so many queries."""
    height, width = cells
    while height * width > queries:
        height, width = -(-height // 2), -(-width // 2)
    return height, width

"""What a U-Net's cross attentions make of the texts, their keys and values, does not depend on the
step: made once, and kept while the same texts are asked for. The prediction is the same to the last
bit, since what is kept is what the same operation would give again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from studio.diffusion.rows import Rows

_MOST_BYTES = 256 * 2**20
"""Of all that is kept: with two rows SDXL's take 55 MB. What takes more is not worth its memory."""


class TextKeys:
    """Kept for `unet`, whose weights stay as they are meanwhile."""

    def __init__(self, unet: nn.Module) -> None:
        self._layers = [
            layer
            for name, module in unet.named_modules()
            if name.endswith(".attn2")
            for layer in (module.to_k, module.to_v)
        ]
        # Weights that are streamed or widened for each call come with a forward of their own.
        self._can = all("forward" not in vars(layer) for layer in self._layers)
        self._kept: list[_Kept] = []

    @contextmanager
    def kept(self, rows: Rows) -> Iterator[None]:
        """For one call of the U-Net with `rows`; after it the U-Net is as it was, whatever
        happened."""
        if not rows.texts or not self._can:
            yield
            return
        kept = next((each for each in self._kept if rows.reads(each.texts)), None) or _Kept(rows)
        self._kept = [kept, *(each for each in self._kept if each is not kept)]
        try:
            for layer in self._layers:
                layer.forward = _Once(layer, kept.made)
            yield
        finally:
            for layer in self._layers:
                vars(layer).pop("forward", None)
        while self._kept and sum(each.size_bytes for each in self._kept) > _MOST_BYTES:
            self._kept.pop()


class _Kept:
    """What was made of the texts of `rows`, by layer."""

    def __init__(self, rows: Rows) -> None:
        self.texts = rows.texts
        self.made: dict[nn.Module, torch.Tensor] = {}

    @property
    def size_bytes(self) -> int:
        return sum(tensor.nbytes for tensor in self.made.values())


class _Once:
    """A layer's `forward` that computes only what was not `made` yet."""

    def __init__(self, layer: nn.Module, made: dict[nn.Module, torch.Tensor]) -> None:
        self._layer, self._forward, self._made = layer, layer.forward, made

    def __call__(self, *given: Any, **named: Any) -> torch.Tensor:
        made = self._made.get(self._layer)
        if made is None:
            made = self._made[self._layer] = self._forward(*given, **named)
        return made

"""The call of Z-Image's transformer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional

from studio.diffusion import seamless
from studio.diffusion.interruption import interruptible
from studio.diffusion.laws import TRAIN_TIMESTEPS
from studio.diffusion.rows import Residuals, Rows

_PATCH = 2
"""Cells that it takes together, across and down."""


class TransformerPredictor:
    """The transformer, as a `diffusion.shared_call.Predictor`: the velocity ε − x₀ (R, C, h, w)
    float32. Nothing acts beside it."""

    def __init__(self, transformer: Any) -> None:
        self._transformer = transformer
        self._dtype = transformer.dtype

    def __call__(self, rows: Rows, residuals: Residuals | None = None) -> torch.Tensor:
        height, width = rows.sample.shape[2:]
        turns = _turns(rows)
        sample = _turned(rows.sample, turns).to(self._dtype)
        if height % _PATCH or width % _PATCH:
            sample = functional.pad(sample, (0, width % _PATCH, 0, height % _PATCH), "replicate")
        embeds = rows.prompt_embeds.to(self._dtype)
        texts = [row[:length] for row, length in zip(embeds, rows.prompt_lengths, strict=True)]
        # Its own time goes the other way, from 0, noise, to 1.
        time = (TRAIN_TIMESTEPS - rows.timestep) / TRAIN_TIMESTEPS
        with interruptible(self._transformer, sample):
            predicted = self._transformer(
                list(sample.unsqueeze(2).unbind()), time, texts, return_dict=False
            )[0]
        velocity = torch.stack([row.float() for row in predicted]).squeeze(2)
        return -_turned(velocity[..., :height, :width], [(-down, -along) for down, along in turns])


def _turns(rows: Rows) -> list[tuple[int, int]]:
    """How far each row is turned round for this call; none where there are borders."""
    if rows.tiling == "none":
        return []
    size = rows.sample.shape[2:]
    return [seamless.turn(size, rows.tiling, at) for at in rows.timestep.tolist()]


def _turned(latents: torch.Tensor, turns: Sequence[tuple[int, int]]) -> torch.Tensor:
    """Each row (C, h, w) of `latents` turned round, (down, across) in cells."""
    if not turns:
        return latents
    pairs = zip(latents, turns, strict=True)
    return torch.stack([row.roll(turn, (1, 2)) for row, turn in pairs])

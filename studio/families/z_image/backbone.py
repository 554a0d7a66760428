"""The call of Z-Image's transformer."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from studio.diffusion.denoise import Ask
from studio.diffusion.interruption import interruptible
from studio.diffusion.laws import TRAIN_TIMESTEPS

_PATCH = 2
"""Cells that it takes together, across and down."""


class TransformerPredictor:
    """The transformer under the prompt alone, as a `diffusion.predictors.Predictor`: the velocity
    ε − x₀ (B, C, h, w) float32."""

    def __init__(self, transformer: Any) -> None:
        self._transformer = transformer
        self._dtype = transformer.dtype

    def __call__(self, ask: Ask) -> torch.Tensor:
        height, width = ask.sample.shape[2:]
        sample = ask.sample.to(self._dtype)
        if height % _PATCH or width % _PATCH:
            sample = functional.pad(sample, (0, width % _PATCH, 0, height % _PATCH), "replicate")
        conditioning = ask.conditioning
        lengths = conditioning.prompt_lengths.tolist()
        embeds = conditioning.prompt_embeds.to(self._dtype)
        texts = [row[:length] for row, length in zip(embeds, lengths, strict=True)]
        # Its own time goes the other way, from 0, noise, to 1.
        time = (TRAIN_TIMESTEPS - ask.timestep) / TRAIN_TIMESTEPS
        with interruptible(self._transformer, sample):
            rows = self._transformer(
                list(sample.unsqueeze(2).unbind()), time, texts, return_dict=False
            )[0]
        velocity = torch.stack([row.float() for row in rows]).squeeze(2)
        return -velocity[..., :height, :width]

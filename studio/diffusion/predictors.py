"""Answers to an `Ask`: each predictor is a function Ask -> noise_pred and wraps another one.

Nothing here assumes that the rows of a batch share a timestep, a prompt or a guidance scale.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch

from studio.diffusion.conditioning import Conditioning
from studio.diffusion.denoise import Ask, Guided

Predictor = Callable[[Ask], torch.Tensor]
"""noise_pred (B, C, h, w) float32 for an Ask."""


Guide = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""(negative, positive, scale): the prediction that leads away from the negative prompt."""


class ClassifierFreeGuidance:
    """Away from the negative prompt, as `guide` of the family says, both halves in one call.
    Without negative embeddings (scale 1) the prediction passes through unchanged."""

    def __init__(self, predictor: Predictor, guide: Guide) -> None:
        self._predictor, self._guide = predictor, guide

    def __call__(self, ask: Ask) -> torch.Tensor | Guided:
        conditioning = ask.conditioning
        if conditioning.negative_prompt_embeds is None:
            positive = self._predictor(dataclasses.replace(ask, wants_negative=False))
            return Guided(positive, positive) if ask.wants_negative else positive
        doubled = dataclasses.replace(
            ask,
            sample=torch.cat([ask.sample] * 2),
            timestep=torch.cat([ask.timestep] * 2),
            conditioning=_both(conditioning),
            wants_negative=False,
            negatives=len(ask.sample),
        )
        negative, positive = self._predictor(doubled).chunk(2)
        guided = self._guide(negative, positive, conditioning.guidance_scale)
        if conditioning.guidance_rescale is not None:
            guided = _rescaled(guided, positive, conditioning.guidance_rescale)
        return Guided(guided, negative) if ask.wants_negative else guided


def _both(conditioning: Conditioning) -> Conditioning:
    """The negative rows, then the positive ones, as one batch under the prompt alone."""

    def after(first: torch.Tensor | None, second: torch.Tensor | None) -> torch.Tensor | None:
        return None if second is None else torch.cat([first, second])

    return dataclasses.replace(
        conditioning,
        prompt_embeds=after(conditioning.negative_prompt_embeds, conditioning.prompt_embeds),
        pooled_embeds=after(conditioning.negative_pooled_embeds, conditioning.pooled_embeds),
        prompt_lengths=after(conditioning.negative_prompt_lengths, conditioning.prompt_lengths),
        time_ids=after(conditioning.negative_time_ids, conditioning.time_ids),
        extra_channels=after(conditioning.extra_channels, conditioning.extra_channels),
    )


def _rescaled(guided: torch.Tensor, positive: torch.Tensor, amount: torch.Tensor) -> torch.Tensor:
    """Bring the spread of `guided` back towards that of `positive` (arXiv:2305.08891, 3.4)."""
    spread = positive.std(dim=(1, 2, 3), keepdim=True) / guided.std(dim=(1, 2, 3), keepdim=True)
    return torch.lerp(guided, guided * spread, amount)

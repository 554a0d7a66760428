"""Prompts as rows, and the predictions of these rows as one: guidance, several prompts at once,
regions, prompts that change on the way. Two pure functions around a call that belongs to nobody."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from studio.diffusion.conditioning import Conditioning, Text
from studio.diffusion.denoise import Ask, Guided
from studio.diffusion.rows import Rows, Unit, one

Guide = Callable[[torch.Tensor, torch.Tensor, float], torch.Tensor]
"""(negative, positive, scale): the prediction that leads away from the negative prompt."""


def rows(ask: Ask, units: Sequence[Unit] = ()) -> Rows:
    """What `ask` needs predicted: its pictures under the negative prompt, if there is one, then
    under each of the prompts. `units` act on all of them."""
    conditioning, count = ask.conditioning, len(ask.sample)
    asked = conditioning.prompts
    if conditioning.negative is not None:
        asked = (conditioning.negative, *asked)
    texts = [prompt.at(ask.begun) for prompt in asked]

    def each(name: str) -> torch.Tensor | None:
        """What all texts say, a row for each picture."""
        values = [getattr(text, name) for text in texts]
        if values[0] is None:
            return None
        return one([value.expand(count, *value.shape[1:]) for value in values])

    extra = conditioning.extra_channels
    return Rows(
        sample=one([ask.sample] * len(texts)),
        timestep=one([ask.timestep] * len(texts)),
        prompt_embeds=each("embeds"),
        pooled_embeds=each("pooled"),
        time_ids=each("time_ids"),
        prompt_lengths=_lengths(texts, count),
        extra_channels=None if extra is None else one([extra] * len(texts)),
        negatives=0 if conditioning.negative is None else count,
        units=tuple(units),
        tiling=conditioning.tiling,
        texts=tuple((text.embeds, count) for text in texts),
    )


def mix(ask: Ask, predicted: torch.Tensor, guide: Guide) -> torch.Tensor | Guided:
    """The answer to `ask` from the predictions of its `rows`, guided as `guide` of the family
    says."""
    conditioning = ask.conditioning
    if conditioning.negative is None:
        return Guided(predicted, predicted) if ask.wants_negative else predicted
    negative, *positives = predicted.split(len(ask.sample))
    guided = _mixed(conditioning, negative, positives, guide, conditioning.guidance_scale)
    if conditioning.guidance_rescale > 0:
        positive = _mixed(conditioning, negative, positives, guide, 1.0)
        guided = _rescaled(guided, positive, conditioning.guidance_rescale)
    return Guided(guided, negative) if ask.wants_negative else guided


def _mixed(
    conditioning: Conditioning,
    negative: torch.Tensor,
    positives: Sequence[torch.Tensor],
    guide: Guide,
    scale: float,
) -> torch.Tensor:
    """ε₋ + Σᵢ wᵢ (guided(ε₋, εᵢ) − ε₋)."""
    prompts = conditioning.prompts
    if len(prompts) == 1 and prompts[0].is_plain:
        return positives[0] if scale == 1 else guide(negative, positives[0], scale)
    mixed = negative
    for prompt, positive in zip(prompts, positives, strict=True):
        weight = prompt.weight if prompt.region is None else prompt.weight * prompt.region
        mixed = mixed + weight * (guide(negative, positive, scale) - negative)
    return mixed


def _rescaled(guided: torch.Tensor, positive: torch.Tensor, amount: float) -> torch.Tensor:
    """Bring the spread of `guided` back towards that of `positive` (arXiv:2305.08891, 3.4)."""
    spread = positive.std(dim=(1, 2, 3), keepdim=True) / guided.std(dim=(1, 2, 3), keepdim=True)
    return torch.lerp(guided, guided * spread, amount)


def _lengths(texts: Sequence[Text], count: int) -> tuple[int, ...] | None:
    if texts[0].length is None:
        return None
    return tuple(text.length for text in texts for _ in range(count))

"""ControlNets (arXiv:2302.05543): what they add to the U-Net's features, as a wrapper around the
noise predictor. Tasks, samplers and guidance know nothing of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

from studio.diffusion.denoise import Ask, Residuals
from studio.diffusion.predictors import Predictor
from studio.domain.control import ControlMode

SOFTER = 0.825
"""From one residual to the next, the deeper the less: where the prompt is more important."""
SOFT_AT_LAST = 12
"""The residual of this number, the middle one of SD 1.x, is not weakened at all."""


@dataclass(frozen=True)
class Unit:
    """One ControlNet at work.

    net         diffusers' ControlNetModel
    map         (1, 3, height, width) on the device, 0 to 1 (−1 in a hole to be inpainted)
    scale       what its residuals are multiplied by
    start, end  share of the run, 0 to 1, between which it acts
    mode        see `domain.control.CONTROL_MODES`
    region      (1, 1, h, w), 0 to 1, in latent cells: where it acts; None: everywhere
    """

    net: torch.nn.Module
    map: torch.Tensor
    scale: float = 1.0
    start: float = 0.0
    end: float = 1.0
    mode: ControlMode = "balanced"
    region: torch.Tensor | None = None

    def acts(self, ask: Ask) -> bool:
        """Only in calls that lie wholly between start and end, as in diffusers' pipelines."""
        return self.start <= ask.begun and ask.ended <= self.end

    def residuals(self, ask: Ask) -> Residuals:
        """For every row of `ask`; zeros in the negative rows where the map is more important, so
        that its effect grows with the guidance scale."""
        negatives = ask.negatives if self.mode == "control" else 0
        sample, words = ask.sample[negatives:], ask.conditioning
        dtype = self.net.dtype
        added = None
        if words.pooled_embeds is not None:
            added = {
                "text_embeds": words.pooled_embeds[negatives:].to(dtype),
                "time_ids": words.time_ids[negatives:].to(dtype),
            }
        down, middle = self.net(
            sample.to(dtype),
            ask.timestep[negatives:],
            encoder_hidden_states=words.prompt_embeds[negatives:].to(dtype),
            controlnet_cond=self.map.to(dtype).expand(len(sample), -1, -1, -1),
            conditioning_scale=self.scale if self.mode == "balanced" else 1.0,
            added_cond_kwargs=added,
            return_dict=False,
        )
        found = [self._where_it_acts(one) for one in (*down, middle)]
        if self.mode != "balanced":
            soft = [self.scale * SOFTER ** (SOFT_AT_LAST - n) for n in range(len(found))]
            found = [one * weight for one, weight in zip(found, soft, strict=True)]
        if negatives:
            found = [torch.cat([torch.zeros_like(one[:negatives]), one]) for one in found]
        return Residuals(tuple(found[:-1]), found[-1])

    def _where_it_acts(self, residual: torch.Tensor) -> torch.Tensor:
        if self.region is None:
            return residual
        region = functional.interpolate(self.region, residual.shape[2:], mode="area")
        return residual * region.to(residual)


class Controlled:
    """Any number of units, their residuals added up, before the U-Net is asked."""

    def __init__(self, predictor: Predictor, units: Sequence[Unit]) -> None:
        self._predictor = predictor
        self._units = tuple(units)

    def __call__(self, ask: Ask) -> torch.Tensor:
        residuals = None
        for unit in self._units:
            if unit.acts(ask):
                found = unit.residuals(ask)
                residuals = found if residuals is None else residuals + found
        return self._predictor(dataclasses.replace(ask, residuals=residuals))

"""Units that say where things go: what they add to the U-Net's features, as a wrapper around the
noise predictor. Tasks, samplers and guidance know nothing of it.

ControlNets (arXiv:2302.05543), ControlNet-Union, which is one for several types of map,
T2I-Adapters (arXiv:2302.08453), and IP-Adapters, whose map is a picture that prompts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch
from diffusers import ControlNetUnionModel, T2IAdapter
from torch.nn import functional

from studio.diffusion import image_prompts
from studio.diffusion.denoise import Ask, Residuals
from studio.diffusion.image_prompts import ImagePrompt
from studio.diffusion.interruption import interruptible
from studio.diffusion.predictors import Predictor
from studio.domain.control import ControlMode

SOFTER = 0.825
"""From one residual to the next, the deeper the less: where the prompt is more important."""
SOFT_AT_LAST = 12
"""The residual of this number, the middle one of SD 1.x, is not weakened at all."""
SOFT_FEATURES = (0.25, 0.62, 0.825, 1.0)
"""The same for the features of a T2I-Adapter, up to the deepest."""


@dataclass(frozen=True)
class Acting:
    """How a unit acts.

    scale       what its residuals are multiplied by
    start, end  share of the run, 0 to 1, between which it acts
    mode        see `domain.control.CONTROL_MODES`
    region      (1, 1, h, w), 0 to 1, in latent cells: where it acts; None: everywhere
    """

    scale: float = 1.0
    start: float = 0.0
    end: float = 1.0
    mode: ControlMode = "balanced"
    region: torch.Tensor | None = None

    def covers(self, ask: Ask) -> bool:
        """Only calls that lie wholly between start and end, as in diffusers' pipelines."""
        return self.start <= ask.begun and ask.ended <= self.end

    def rows_left_out(self, ask: Ask) -> int:
        """So many rows of `ask`, the first ones, get nothing: the negative ones where the map
        is more important, so that its effect grows with the guidance scale."""
        return ask.negatives if self.mode == "control" else 0

    def in_region(self, residual: torch.Tensor) -> torch.Tensor:
        """Nothing of it where the unit does not act."""
        if self.region is None:
            return residual
        region = functional.interpolate(self.region, residual.shape[2:], mode="area")
        return residual * region.to(residual)


class Unit(Protocol):
    """One unit at work."""

    acting: Acting

    def residuals(self, ask: Ask) -> Residuals:
        """What it adds, for every row of `ask`."""
        ...


def unit(net: torch.nn.Module, map: torch.Tensor, acting: Acting, place: int | None = None) -> Unit:
    """`net`, a module of diffusers' that reads maps, at work. `map` is (1, 3, height,
    width) on its device, 0 to 1 (−1 in a hole to be inpainted). A ControlNet-Union is told the
    `place` of the map's type among those it knows. To it a hole is black, and T2I-Adapters know of
    none."""
    if isinstance(net, T2IAdapter):
        return AdapterUnit(net, map.clamp(min=0), acting)
    if isinstance(net, ControlNetUnionModel):
        return ControlNetUnit(net, map.clamp(min=0), acting, place)
    return ControlNetUnit(net, map, acting)


class ControlNetUnit:
    """A ControlNet, asked anew at each step. What it makes of the map alone, up to a third of its
    work, is made but once."""

    def __init__(
        self, net: torch.nn.Module, map: torch.Tensor, acting: Acting, place: int | None = None
    ) -> None:
        self.net, self.acting, self.place = net, acting, place
        self.map = map.to(net.dtype)
        is_bgr = net.config.get("controlnet_conditioning_channel_order") == "bgr"
        with interruptible(net, self.map):
            self._cached_hint = _CachedHint(
                net.controlnet_cond_embedding(self.map.flip(1) if is_bgr else self.map)
            )

    def residuals(self, ask: Ask) -> Residuals:
        left_out = self.acting.rows_left_out(ask)
        down, middle = self._predict(ask, left_out)
        residuals = [self.acting.in_region(one) for one in (*down, middle)]
        if self.acting.mode != "balanced":
            scale = self.acting.scale
            soft = [scale * SOFTER ** (SOFT_AT_LAST - n) for n in range(len(residuals))]
            residuals = [one * weight for one, weight in zip(residuals, soft, strict=True)]
        residuals = [_after_zeros(one, left_out) for one in residuals]
        return Residuals(tuple(residuals[:-1]), residuals[-1])

    def _predict(self, ask: Ask, left_out: int) -> tuple[Sequence[torch.Tensor], torch.Tensor]:
        """What the net says of all rows but the first `left_out`."""
        sample, conditioning, dtype = ask.sample[left_out:], ask.conditioning, self.net.dtype
        map = self.map.expand(len(sample), -1, -1, -1)
        named = {"controlnet_cond": map}
        if self.place is not None:
            kinds = torch.zeros(len(sample), self.net.config.num_control_type)
            kinds[:, self.place] = 1
            named = {
                "controlnet_cond": [map],
                "control_type": kinds.to(map),
                "control_type_idx": [self.place],
            }
        added = None
        if conditioning.pooled_embeds is not None:
            added = {
                "text_embeds": conditioning.pooled_embeds[left_out:].to(dtype),
                "time_ids": conditioning.time_ids[left_out:].to(dtype),
            }
        with _with_cached_hint(self.net, self._cached_hint), interruptible(self.net, sample):
            return self.net(
                sample.to(dtype),
                ask.timestep[left_out:],
                encoder_hidden_states=conditioning.prompt_embeds[left_out:].to(dtype),
                conditioning_scale=self.acting.scale if self.acting.mode == "balanced" else 1.0,
                added_cond_kwargs=added,
                return_dict=False,
                **named,
            )


class _CachedHint(torch.nn.Module):
    """Stands in for a ControlNet's hint embedding and gives what that made of the map:
    (1, C, h, w)."""

    def __init__(self, features: torch.Tensor) -> None:
        super().__init__()
        self._features = features

    def forward(self, map: torch.Tensor) -> torch.Tensor:
        return self._features.expand(len(map), -1, -1, -1)


@contextmanager
def _with_cached_hint(net: torch.nn.Module, cached_hint: _CachedHint) -> Iterator[None]:
    """`net` with `cached_hint` for one call: other units use the same module."""
    own = net.controlnet_cond_embedding
    net.controlnet_cond_embedding = cached_hint
    try:
        yield
    finally:
        net.controlnet_cond_embedding = own


class AdapterUnit:
    """A T2I-Adapter: its features depend on the map alone and are made but once."""

    def __init__(self, net: torch.nn.Module, map: torch.Tensor, acting: Acting) -> None:
        self.acting = acting
        features = net(_for_adapter(net, map).to(net.dtype))
        soft = SOFT_FEATURES[-len(features) :] if acting.mode != "balanced" else [1.0] * 4
        self._features = [
            acting.in_region(feature * (acting.scale * weight))
            for feature, weight in zip(features, soft, strict=False)
        ]

    def residuals(self, ask: Ask) -> Residuals:
        left_out = self.acting.rows_left_out(ask)
        rows = len(ask.sample) - left_out
        inner = [one.expand(rows, -1, -1, -1) for one in self._features]
        return Residuals(inner=tuple(_after_zeros(one, left_out) for one in inner))


def _for_adapter(net: torch.nn.Module, map: torch.Tensor) -> torch.Tensor:
    """Gray for one that was trained on gray maps, and as large as it can cut into squares."""
    if net.config.in_channels == 1:
        map = map.mean(dim=1, keepdim=True)
    height, width = map.shape[2:]
    side = net.downscale_factor
    return functional.pad(map, (0, -width % side, 0, -height % side), mode="replicate")


def _after_zeros(residual: torch.Tensor, rows: int) -> torch.Tensor:
    return (
        torch.cat([residual.new_zeros(rows, *residual.shape[1:]), residual]) if rows else residual
    )


class ImagePromptUnit:
    """An IP-Adapter: `features` are what its image encoder says of no picture and of the one, see
    `image_prompts.features`. No picture goes with the negative prompt."""

    def __init__(self, net: torch.nn.Module, features: torch.Tensor, acting: Acting) -> None:
        self.acting = acting
        self._net = net
        self._nothing, self._picture = image_prompts.tokens(net, features)[:, None, None]

    def residuals(self, ask: Ask) -> Residuals:
        rows = len(ask.sample)
        tokens = torch.cat(
            [
                self._nothing.expand(ask.negatives, -1, -1, -1),
                self._picture.expand(rows - ask.negatives, -1, -1, -1),
            ]
        )
        prompt = ImagePrompt(self._net, tokens, self.acting.scale, self.acting.region)
        return Residuals(prompts=(prompt,))


class Controlled:
    """Any number of units, their residuals added up, before the U-Net is asked."""

    def __init__(self, predictor: Predictor, units: Sequence[Unit]) -> None:
        self._predictor = predictor
        self._units = tuple(units)

    def __call__(self, ask: Ask) -> torch.Tensor:
        residuals = None
        for unit in self._units:
            if unit.acting.covers(ask):
                more = unit.residuals(ask)
                residuals = more if residuals is None else residuals + more
        return self._predictor(dataclasses.replace(ask, residuals=residuals))

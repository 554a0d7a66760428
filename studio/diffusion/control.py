"""Units that say where things go: what they add to the U-Net's features. Tasks, samplers and
guidance know nothing of it.

ControlNets (arXiv:2302.05543), ControlNet-Union, which is one for several types of map,
T2I-Adapters (arXiv:2302.08453), and IP-Adapters, whose map is a picture that prompts.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from diffusers import ControlNetUnionModel, T2IAdapter
from torch.nn import functional

from studio.diffusion import image_prompts, seamless
from studio.diffusion.denoise import Ask
from studio.diffusion.image_prompts import ImagePrompt
from studio.diffusion.interruption import interruptible
from studio.diffusion.rows import Residuals, Rows, joined, one
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

    def rows_left_out(self, rows: Rows) -> int:
        """So many of `rows`, the first ones, get nothing: the negative ones where the map is more
        important, so that its effect grows with the guidance scale."""
        return rows.negatives if self.mode == "control" else 0

    def in_region(self, residual: torch.Tensor) -> torch.Tensor:
        """Nothing of it where the unit does not act."""
        if self.region is None:
            return residual
        region = functional.interpolate(self.region, residual.shape[2:], mode="area")
        return residual * region.to(residual)


def unit(
    net: torch.nn.Module, map: torch.Tensor, acting: Acting, place: int | None = None
) -> ControlNetUnit | AdapterUnit:
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

    is_steady = False

    def __init__(
        self, net: torch.nn.Module, map: torch.Tensor, acting: Acting, place: int | None = None
    ) -> None:
        self.net, self.acting, self.place = net, acting, place
        self.map = map.to(net.dtype)
        is_bgr = net.config.get("controlnet_conditioning_channel_order") == "bgr"
        with interruptible(net, self.map):
            self._hint = net.controlnet_cond_embedding(self.map.flip(1) if is_bgr else self.map)

    @property
    def kind(self) -> Hashable:
        """A Union's net scales while it works, others are scaled after it."""
        return id(self.net), self.place, self.place is not None and self._scale

    @property
    def _scale(self) -> float:
        """Of all of its residuals alike."""
        return self.acting.scale if self.acting.mode == "balanced" else 1.0

    def together(self, units: Sequence[ControlNetUnit], asked: Sequence[Rows]) -> Residuals:
        left_out = [one.acting.rows_left_out(rows) for one, rows in zip(units, asked, strict=True)]
        parts = [rows.after(count) for rows, count in zip(asked, left_out, strict=True)]
        sizes = [len(rows) for rows in parts]
        levels = [level.split(sizes) for level in self._predict(units, parts, sizes)]
        added = [
            unit._acted(predicted, count)
            for unit, predicted, count in zip(
                units, zip(*levels, strict=True), left_out, strict=True
            )
        ]
        *down, middle = (one(each) for each in zip(*added, strict=True))
        return Residuals(tuple(down), middle)

    def _acted(self, residuals: Sequence[torch.Tensor], left_out: int) -> list[torch.Tensor]:
        """What the net says of the rows that this unit acts on, as it acts; nothing for the
        `left_out` before them."""
        if self.place is None and self._scale != 1:
            residuals = [one * self._scale for one in residuals]
        residuals = [self.acting.in_region(one) for one in residuals]
        if self.acting.mode != "balanced":
            scale = self.acting.scale
            soft = [scale * SOFTER ** (SOFT_AT_LAST - n) for n in range(len(residuals))]
            residuals = [one * weight for one, weight in zip(residuals, soft, strict=True)]
        return [_after_zeros(one, left_out) for one in residuals]

    def _predict(
        self, units: Sequence[ControlNetUnit], parts: Sequence[Rows], sizes: Sequence[int]
    ) -> list[torch.Tensor]:
        """What the net says of all rows of `parts`, from its first level down to its middle."""
        rows, dtype = joined(parts), self.net.dtype
        pairs = list(zip(units, sizes, strict=True))
        map = one([unit.map.expand(size, -1, -1, -1) for unit, size in pairs])
        hint = one([unit._hint.expand(size, -1, -1, -1) for unit, size in pairs])
        named = {"controlnet_cond": map}
        if self.place is not None:
            kinds = torch.zeros(len(rows), self.net.config.num_control_type)
            kinds[:, self.place] = 1
            named = {
                "controlnet_cond": [map],
                "control_type": kinds.to(map),
                "control_type_idx": [self.place],
            }
        added = None
        if rows.pooled_embeds is not None:
            added = {
                "text_embeds": rows.pooled_embeds.to(dtype),
                "time_ids": rows.time_ids.to(dtype),
            }
        with (
            _with_hint(self.net, hint),
            seamless.wrapped(self.net, rows.tiling),
            interruptible(self.net, rows.sample),
        ):
            down, middle = self.net(
                rows.sample.to(dtype),
                rows.timestep,
                encoder_hidden_states=rows.prompt_embeds.to(dtype),
                conditioning_scale=self._scale if self.place is not None else 1.0,
                added_cond_kwargs=added,
                return_dict=False,
                **named,
            )
        return [*down, middle]


class _Hint(torch.nn.Module):
    """Stands in for a ControlNet's hint embedding and gives what that made of the maps:
    (R, C, h, w)."""

    def __init__(self, features: torch.Tensor) -> None:
        super().__init__()
        self._features = features

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return self._features


@contextmanager
def _with_hint(net: torch.nn.Module, features: torch.Tensor) -> Iterator[None]:
    """`net` with the hint's `features` for one call: other units use the same module."""
    own = net.controlnet_cond_embedding
    net.controlnet_cond_embedding = _Hint(features)
    try:
        yield
    finally:
        net.controlnet_cond_embedding = own


class AdapterUnit:
    """A T2I-Adapter: its features depend on the map alone and are made but once."""

    is_steady = True

    def __init__(self, net: torch.nn.Module, map: torch.Tensor, acting: Acting) -> None:
        self.acting, self.kind = acting, id(net)
        features = net(_for_adapter(net, map).to(net.dtype))
        soft = SOFT_FEATURES[-len(features) :] if acting.mode != "balanced" else [1.0] * 4
        self._features = [
            acting.in_region(feature * (acting.scale * weight))
            for feature, weight in zip(features, soft, strict=False)
        ]

    def together(self, units: Sequence[AdapterUnit], asked: Sequence[Rows]) -> Residuals:
        added = [unit._of(rows) for unit, rows in zip(units, asked, strict=True)]
        return Residuals(inner=tuple(one(each) for each in zip(*added, strict=True)))

    def _of(self, rows: Rows) -> list[torch.Tensor]:
        left_out = self.acting.rows_left_out(rows)
        count = len(rows) - left_out
        expanded = [one.expand(count, -1, -1, -1) for one in self._features]
        return [_after_zeros(one, left_out) for one in expanded]


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

    is_steady = True

    def __init__(self, net: torch.nn.Module, features: torch.Tensor, acting: Acting) -> None:
        self.acting = acting
        self._net = net
        self._nothing, self._picture = image_prompts.tokens(net, features)[:, None, None]

    @property
    def kind(self) -> Hashable:
        """The net acts as strongly and at the same place for all rows."""
        return id(self._net), self.acting.scale, id(self.acting.region)

    def together(self, units: Sequence[ImagePromptUnit], asked: Sequence[Rows]) -> Residuals:
        tokens = [unit._of(rows) for unit, rows in zip(units, asked, strict=True)]
        prompt = ImagePrompt(self._net, one(tokens), self.acting.scale, self.acting.region)
        return Residuals(prompts=(prompt,))

    def _of(self, rows: Rows) -> torch.Tensor:
        positives = len(rows) - rows.negatives
        nothing = self._nothing.expand(rows.negatives, -1, -1, -1)
        return torch.cat([nothing, self._picture.expand(positives, -1, -1, -1)])

"""What is asked of a backbone: rows, each of which stands for itself, so that those of several runs
can be answered by one call."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, Protocol

import torch

from studio.diffusion.attention import Watched
from studio.diffusion.image_prompts import ImagePrompt
from studio.domain.seamless import TilingName


@dataclass(eq=False)
class Deep:
    """What an earlier call of a U-Net said of the R rows of one pass, kept by that pass alone; see
    `deep_cache`.

    features   (R, C, h, w), what goes into the last layers of its way up; None: nothing was kept
    residuals  each (R, c, h, w), what ControlNets added to the skip connections of these layers, in
               the order of the way down; none where there were no ControlNets
    """

    features: torch.Tensor | None = None
    residuals: tuple[torch.Tensor, ...] = ()


@dataclass(frozen=True, eq=False)
class DeepRows:
    """Rows of a call, `count` from number `first` on, and the `deep` that is kept of them."""

    first: int
    count: int
    deep: Deep

    def behind(self, rows: int) -> DeepRows:
        """The same where so many rows of others come before."""
        return replace(self, first=self.first + rows)


@dataclass(frozen=True)
class Rows:
    """Wanted: the noise predictions for `sample` (R, C, h, w), scaled for the backbone, at
    `timestep` (R,) float32 on the device.

    prompt_embeds   (R, L, C)
    pooled_embeds   (R, P); None where the family has none
    time_ids        (R, k); None as above
    prompt_lengths  so many of the L tokens of each row count; None: all do
    extra_channels  (R, c, h, w), see `Conditioning`; None for most backbones
    negatives       so many rows, the first ones, are under the negative prompt
    units           what acts beside the backbone at this call
    tiling          across which borders they go on at the other side, see `diffusion.seamless`
    watched         those of which it is looked at where their words act
    texts           what `prompt_embeds` was made of, each for so many rows, in its order: the same
                    objects, the same texts; none where that is not told
    deep            those of which is kept what the backbone's deep blocks say
    is_shallow      these blocks are left out: what is kept, of all rows, stands for them
    """

    sample: torch.Tensor
    timestep: torch.Tensor
    prompt_embeds: torch.Tensor
    pooled_embeds: torch.Tensor | None = None
    time_ids: torch.Tensor | None = None
    prompt_lengths: tuple[int, ...] | None = None
    extra_channels: torch.Tensor | None = None
    negatives: int = 0
    units: tuple[Unit, ...] = ()
    tiling: TilingName = "none"
    watched: tuple[Watched, ...] = ()
    texts: tuple[tuple[torch.Tensor, int], ...] = ()
    deep: tuple[DeepRows, ...] = ()
    is_shallow: bool = False

    def __len__(self) -> int:
        return len(self.sample)

    @property
    def kind(self) -> Hashable:
        """Rows of one kind, for one backbone, can share a call."""
        units = tuple(unit.kind for unit in self.units)
        kept = len(self.deep[0].deep.residuals) if self.is_shallow else None
        return self.sample.shape[1:], self.prompt_embeds.shape[1:], units, self.tiling, kept

    def reads(self, texts: tuple[tuple[torch.Tensor, int], ...]) -> bool:
        """Whether it is of these `texts`, the very objects, each for as many rows."""
        return len(texts) == len(self.texts) and all(
            text is ours and count == our_count
            for (text, count), (ours, our_count) in zip(texts, self.texts, strict=True)
        )

    def after(self, count: int) -> Rows:
        """All rows but the first `count`, which are negative ones; none of them is watched."""
        if not count:
            return self

        def cut(tensor: torch.Tensor | None) -> torch.Tensor | None:
            return None if tensor is None else tensor[count:]

        return Rows(
            self.sample[count:],
            self.timestep[count:],
            self.prompt_embeds[count:],
            cut(self.pooled_embeds),
            cut(self.time_ids),
            self.prompt_lengths and self.prompt_lengths[count:],
            cut(self.extra_channels),
            self.negatives - count,
            self.units,
            self.tiling,
        )


def joined(asked: Sequence[Rows]) -> Rows:
    """All rows of `asked`, which are of one kind, one after the other. The negative ones are
    scattered then, and the units those of each: neither is told."""
    if len(asked) == 1:
        return asked[0]

    def all_of(name: str) -> torch.Tensor | None:
        tensors = [getattr(rows, name) for rows in asked]
        return None if tensors[0] is None else one(tensors)

    lengths = [rows.prompt_lengths for rows in asked]
    firsts = list(accumulate((len(rows) for rows in asked[:-1]), initial=0))
    return Rows(
        sample=all_of("sample"),
        timestep=all_of("timestep"),
        prompt_embeds=all_of("prompt_embeds"),
        pooled_embeds=all_of("pooled_embeds"),
        time_ids=all_of("time_ids"),
        prompt_lengths=None if lengths[0] is None else sum(lengths, ()),
        extra_channels=all_of("extra_channels"),
        tiling=asked[0].tiling,
        watched=tuple(
            each.behind(first)
            for first, rows in zip(firsts, asked, strict=True)
            for each in rows.watched
        ),
        texts=sum((rows.texts for rows in asked), ()) if all(r.texts for r in asked) else (),
        deep=tuple(
            each.behind(first)
            for first, rows in zip(firsts, asked, strict=True)
            for each in rows.deep
        ),
        is_shallow=asked[0].is_shallow,
    )


def one(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """Row after row; a single tensor as it is."""
    return tensors[0] if len(tensors) == 1 else torch.cat(list(tensors))


@dataclass(frozen=True)
class Residuals:
    """What is added to the U-Net's features, each (R, c, h, w) of that layer: to the skip
    connections of its way down, in its order, and to its middle (both or neither), and to the ends
    of the blocks of its way down; and the pictures that it reads beside the text."""

    down: tuple[torch.Tensor, ...] = ()
    middle: torch.Tensor | None = None
    inner: tuple[torch.Tensor, ...] = ()
    prompts: tuple[ImagePrompt, ...] = ()

    def __add__(self, other: Residuals) -> Residuals:
        middle = self.middle if other.middle is None else other.middle
        if None not in (self.middle, other.middle):
            middle = self.middle + other.middle
        return Residuals(
            _sums(self.down, other.down),
            middle,
            _sums(self.inner, other.inner),
            self.prompts + other.prompts,
        )


def _sums(one: tuple[torch.Tensor, ...], other: tuple[torch.Tensor, ...]) -> tuple:
    if not one or not other:
        return one or other
    return tuple(a + b for a, b in zip(one, other, strict=True))


class Unit(Protocol):
    """Something that acts beside the backbone, for one run and pass: a ControlNet, an adapter.
    `acting` says how strongly, where and when; `is_steady`: what it adds is the same at each step,
    and takes no time."""

    acting: Any
    is_steady: bool

    @property
    def kind(self) -> Hashable:
        """Units of one kind can act together: `together` is that of any of them."""
        ...

    def together(self, units: Sequence[Unit], asked: Sequence[Rows]) -> Residuals:
        """What `units`, of one kind, add for all rows of `asked`, one unit for the rows of each."""
        ...

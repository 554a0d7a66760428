"""What a drawing is steered by, and what reads it out of words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from studio.domain.family import ModelFamily
from studio.domain.seamless import TilingName


@dataclass(frozen=True)
class Word:
    """A word of a prompt: where it stands there as it was typed, `end` left out, and the `places`
    of its tokens among the L of a `Text`."""

    start: int
    end: int
    places: tuple[int, ...]


@dataclass(frozen=True)
class Text:
    """One text as a backbone reads it, the same for all pictures of a batch.

    embeds    (1, L, C); of CLIP's chunks L is 77·n. All texts of a drawing have the same L
    pooled    (1, P), the text as one vector; None where the family has none
    time_ids  (1, k), sizes and scores told beside it; None as above
    length    so many of its L tokens count; None: all do
    words     those whose acting is looked at
    """

    embeds: torch.Tensor
    pooled: torch.Tensor | None = None
    time_ids: torch.Tensor | None = None
    length: int | None = None
    words: tuple[Word, ...] = ()


@dataclass(frozen=True)
class Prompt:
    """A text, or several one after the other, and how much it counts where.

    texts   each with the share of the run until which it counts, ascending; the last one counts to
            the end, whatever its share
    weight  of several prompts under one guidance: what leads away from the negative prompt is the
            sum of what each leads away by itself, times its weight (arXiv:2206.01714, eq. 11)
    region  (1, 1, h, w), 0 to 1, in latent cells: what the weight is multiplied by; None: 1
    """

    texts: tuple[tuple[float, Text], ...]
    weight: float = 1.0
    region: torch.Tensor | None = None

    def at(self, begun: float) -> Text:
        """What counts for a call before which the share `begun` of the run is behind."""
        return next((text for until, text in self.texts if begun < until), self.texts[-1][1])

    @property
    def is_plain(self) -> bool:
        return self.weight == 1 and self.region is None


@dataclass(frozen=True)
class Conditioning:
    """What steers a batch.

    prompts           one, or several that are mixed
    negative          what the prompts lead away from; None: guidance is off, and there is one plain
                      prompt
    guidance_scale    how far, 1 to 30
    guidance_rescale  0 to 1, see `guidance.mix`
    extra_channels    (B, c, h, w), what an inpaint U-Net takes beside the latents: the mask
                      (1 = repaint) and the latents of what is kept; None for other U-Nets
    tiling            across which borders the picture goes on at the other side
    """

    prompts: tuple[Prompt, ...]
    negative: Prompt | None = None
    guidance_scale: float = 1.0
    guidance_rescale: float = 0.0
    extra_channels: torch.Tensor | None = None
    tiling: TilingName = "none"


@dataclass(frozen=True)
class TextModels:
    """A checkpoint's text encoders and what they need, each in the order of `family`'s text
    parts; `embeddings`: name -> vectors (n, width) for each encoder."""

    family: ModelFamily
    tokenizers: Sequence[Any]
    text_encoders: Sequence[torch.nn.Module]
    embeddings: Mapping[str, Sequence[torch.Tensor]] = field(default_factory=dict)

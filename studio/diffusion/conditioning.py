"""What a backbone is conditioned on, and what reads it out of a prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from studio.domain.family import ModelFamily


@dataclass(frozen=True)
class Conditioning:
    """What steers each row of a batch; rows are independent of each other.

    prompt_embeds           (B, L, C); of CLIP's chunks L is 77·n
    negative_prompt_embeds  (B, L, C), or None where guidance is off (scale 1)
    guidance_scale          (B, 1, 1, 1), 1 to 30
    guidance_rescale        (B, 1, 1, 1), 0 to 1; None if off for all rows
    pooled_embeds           (B, P), the prompt as one vector; None where the family has none
    time_ids                (B, k), sizes and scores told beside the prompt; None as above
    negative_pooled_embeds, negative_time_ids  the same for the negative prompt
    prompt_lengths, negative_prompt_lengths
                            (B,) on the host, so many tokens of each row count; None: all do
    extra_channels          (B, c, h, w), what an inpaint U-Net takes beside the latents: the mask
                            (1 = repaint) and the latents of what is kept; None for other U-Nets
    """

    prompt_embeds: torch.Tensor
    negative_prompt_embeds: torch.Tensor | None
    guidance_scale: torch.Tensor
    guidance_rescale: torch.Tensor | None
    pooled_embeds: torch.Tensor | None = None
    negative_pooled_embeds: torch.Tensor | None = None
    time_ids: torch.Tensor | None = None
    negative_time_ids: torch.Tensor | None = None
    prompt_lengths: torch.Tensor | None = None
    negative_prompt_lengths: torch.Tensor | None = None
    extra_channels: torch.Tensor | None = None


@dataclass(frozen=True)
class TextModels:
    """A checkpoint's text encoders and what they need, each in the order of `family`'s text
    parts; `embeddings`: name -> vectors (n, width) for each encoder."""

    family: ModelFamily
    tokenizers: Sequence[Any]
    text_encoders: Sequence[torch.nn.Module]
    embeddings: Mapping[str, Sequence[torch.Tensor]] = field(default_factory=dict)

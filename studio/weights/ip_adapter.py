"""IP-Adapters (arXiv:2308.06721) as a module: a picture as a prompt, read by keys and values of its
own in each cross attention of the U-Net."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from diffusers.models.embeddings import (
    ImageProjection,
    IPAdapterFullImageProjection,
    IPAdapterPlusImageProjection,
)
from torch import nn

_PROJECTIONS = {
    "plain": ImageProjection,
    "plus": IPAdapterPlusImageProjection,
    "full": IPAdapterFullImageProjection,
}


class IpAdapter(nn.Module):
    """projection    makes tokens (n, tokens, width of text) of what an image encoder says: of its
                     embedding where it is "plain", else of its last layer but one
    to_k_ip, to_v_ip  one each for every cross attention of the U-Net, in the U-Net's order
    """

    def __init__(
        self, kind: str, projection: Mapping[str, Any], text_width: int, widths: Sequence[int]
    ) -> None:
        super().__init__()
        self.reads_embedding = kind == "plain"
        self.projection = _PROJECTIONS[kind](**projection)
        self.to_k_ip, self.to_v_ip = (
            nn.ModuleList(nn.Linear(text_width, width, bias=False) for width in widths)
            for _ in range(2)
        )

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> IpAdapter:
        """As diffusers' modules are made."""
        return cls(**config)

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return self.to_k_ip[0].weight.device

    @property
    def dtype(self) -> torch.dtype:
        """Of its weights."""
        return self.to_k_ip[0].weight.dtype

"""The VAE."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_BLOCK = re.compile(
    r"(encoder|decoder)\.(?:down|up)_blocks\.(\d+)\."
    r"(resnets|downsamplers|upsamplers)\.(\d+)\.(.+)"
)
_SAMPLERS = {"downsamplers": "downsample", "upsamplers": "upsample"}
_RENAMED = (
    (".mid_block.resnets.0.", ".mid.block_1."),
    (".mid_block.resnets.1.", ".mid.block_2."),
    (".mid_block.attentions.0.", ".mid.attn_1."),
    (".conv_norm_out.", ".norm_out."),
    (".conv_shortcut.", ".nin_shortcut."),
    (".group_norm.", ".norm."),
    (".to_q.", ".q."),
    (".to_k.", ".k."),
    (".to_v.", ".v."),
    (".to_out.0.", ".proj_out."),
)


def original_name(name: str, config: Mapping[str, Any]) -> str:
    """What the original layout calls our weight `name` of a VAE of `config`. There the decoder
    counts its blocks from the finest, and its attention is made of 1 × 1 convolutions."""
    if match := _BLOCK.fullmatch(name):
        side, block, kind, index, leaf = match.groups()
        number, way = int(block), "down"
        if side == "decoder":
            number, way = len(config["block_out_channels"]) - 1 - number, "up"
        place = f"block.{index}" if kind == "resnets" else _SAMPLERS[kind]
        name = f"{side}.{way}.{number}.{place}.{leaf}"
    for ours, theirs in _RENAMED:
        name = name.replace(ours, theirs)
    return name


def is_convolution_there(name: str) -> bool:
    """Whether the original layout keeps our matrix `name` as a 1 × 1 convolution."""
    return ".attentions." in name and name.endswith(".weight") and "group_norm" not in name


_OLDER = (
    (".query.", ".to_q."),
    (".key.", ".to_k."),
    (".value.", ".to_v."),
    (".proj_attn.", ".to_out.0."),
)


def newest_name(name: str) -> str:
    """Our present name of a weight whose file may be older than it (diffusers before 0.17)."""
    for old, new in _OLDER:
        name = name.replace(old, new)
    return name

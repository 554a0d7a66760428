"""The U-Net, and the ControlNet made from it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_MODULES = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "mid_block.resnets.0": "middle_block.0",
    "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "controlnet_mid_block": "middle_block_out.0",
    "controlnet_cond_embedding.conv_in": "input_hint_block.0",
}

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}

_BLOCK = re.compile(
    r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)"
)
_ZERO_CONV = re.compile(r"controlnet_down_blocks\.(\d+)\.(.+)")
_HINT = re.compile(r"controlnet_cond_embedding\.(?:blocks\.(\d+)|conv_out)\.(.+)")


def original_name(name: str, config: Mapping[str, Any]) -> str:
    """What the original layout calls our weight `name` of a U-Net or ControlNet of `config`.

    There the blocks are numbered through: each of our blocks holds its layers, and the resampling
    between blocks takes a number too.
    """
    module, _, leaf = name.rpartition(".")
    if module in _MODULES:
        return f"{_MODULES[module]}.{leaf}"
    if match := _BLOCK.fullmatch(name):
        return _in_block(match, config)
    if match := _ZERO_CONV.fullmatch(name):
        return f"zero_convs.{match[1]}.0.{match[2]}"
    if match := _HINT.fullmatch(name):
        blocks = 2 * (len(config["conditioning_embedding_out_channels"]) - 1)
        index = blocks if match[1] is None else int(match[1])
        return f"input_hint_block.{2 * index + 2}.{match[2]}"
    for ours, theirs in _MODULES.items():
        if name.startswith(ours + "."):
            return f"{theirs}.{_leaf(name[len(ours) + 1 :], theirs)}"
    raise KeyError(name)


def _in_block(match: re.Match, config: Mapping[str, Any]) -> str:
    side, block, kind, index, leaf = match.groups()
    block, index = int(block), int(index)
    layers = config["layers_per_block"]
    if side == "down":
        number = 1 + block * (layers + 1) + index
        if kind == "downsamplers":
            return f"input_blocks.{(block + 1) * (layers + 1)}.0.op.{leaf.removeprefix('conv.')}"
        place = "0" if kind == "resnets" else "1"
        return f"input_blocks.{number}.{place}.{_resnet(leaf) if kind == 'resnets' else leaf}"
    number = block * (layers + 1) + index
    if kind == "upsamplers":
        attends = config["up_block_types"][block].startswith("CrossAttn")
        return f"output_blocks.{number + layers}.{2 if attends else 1}.{leaf}"
    place = "0" if kind == "resnets" else "1"
    return f"output_blocks.{number}.{place}.{_resnet(leaf) if kind == 'resnets' else leaf}"


def _resnet(leaf: str) -> str:
    head, _, rest = leaf.partition(".")
    return f"{_RESNET[head]}.{rest}"


def _leaf(leaf: str, theirs: str) -> str:
    """Within the middle block: its resnets are renamed, its transformer is not."""
    return leaf if theirs == "middle_block.1" else _resnet(leaf)

"""T2I-Adapters (arXiv:2302.08453) in one file, under their makers' names or diffusers'.

There are three shapes: full ones for SD 1.x, full ones for SDXL, and light ones for SD 1.x. What a
file holds shows in its tensors; no configuration is needed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from studio.domain.errors import CheckpointError
from studio.weights import modules
from studio.weights.configs import numbers_behind
from studio.weights.single_files import Keys, below, derived, shapes_of
from studio.weights.sources import Origin, PartSource
from studio.weights.tensor_files import TensorFile

PART = "t2i_adapter"
_LEVELS = 4
"""Of features, in all that were published under their makers' names."""
_SDXL_SIDE = 16
_SIDES = {64: 8, 192: 8, 256: 16, 768: 16}
"""Channels that go in -> side of the squares into which the map is cut, of one channel or three."""

_THEIRS = re.compile(r"body\.(\d+)\.(in_conv|block1|block2)\.(\w+)")
_THEIRS_LIGHT = re.compile(r"body\.(\d+)\.body\.(\d+)\.(\w+)\.(\w+)")


def t2i_part(file: TensorFile) -> PartSource | None:
    """The T2I-Adapter in `file`; None if there is none. Raises `CheckpointError`."""
    keys = below(file, "adapter.") or below(file, "")
    if "body.0.in_conv.weight" in keys:
        keys = {_light_name(name): key for name, key in keys.items()}
    elif "body.0.block1.weight" in keys:
        keys = _full_names(keys)
    elif "body.0.resnets.0.block1.weight" not in keys:
        return None
    shapes = shapes_of(file, keys)
    config = derived(PART, file, lambda: _config(shapes))
    wanted = {f"adapter.{name}": (file, Origin(key)) for name, key in keys.items()}
    needed = modules.shapes(PART, config)
    return PartSource(config, {name: wanted[name] for name in needed if name in wanted})


def _light_name(name: str) -> str:
    return _THEIRS_LIGHT.sub(r"body.\1.resnets.\2.\3.\4", name)


def _full_names(keys: Keys) -> dict[str, str]:
    """Their blocks are numbered through all levels."""
    if any(".skep." in name for name in keys):
        raise CheckpointError("it is a T2I-Adapter of an early form. Get a newer version")
    blocks = {name.split(".")[1] for name in keys if name.startswith("body.")}
    each = len(blocks) // _LEVELS

    def newer(match: re.Match) -> str:
        level, place = divmod(int(match[1]), each)
        inner = "" if match[2] == "in_conv" else f"resnets.{place}."
        return f"body.{level}.{inner}{match[2]}.{match[3]}"

    if not each:
        raise CheckpointError(f"it has {len(blocks)} blocks, too few")
    return {_THEIRS.sub(newer, name): key for name, key in keys.items()}


def _config(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """Raises `KeyError` for a missing weight."""
    count = 1 + max(numbers_behind("body.", shapes))
    resnets = {name.split(".")[3] for name in shapes if name.startswith("body.0.resnets.")}
    light = "body.0.out_conv.weight" in shapes
    if light:
        taken = shapes["body.0.in_conv.weight"][1]
        channels = [shapes[f"body.{level}.out_conv.weight"][0] for level in range(count - 1)]
    else:
        taken = shapes["conv_in.weight"][1]
        names = [f"body.{level}.resnets.0.block1.weight" for level in range(count)]
        channels = [shapes[name][0] for name in names]
    if taken not in _SIDES:
        raise CheckpointError(f"it takes {taken} channels, which no T2I-Adapter known here does")
    side = _SIDES[taken]
    full = "full_adapter_xl" if side == _SDXL_SIDE else "full_adapter"
    return {
        "in_channels": taken // side**2,
        "channels": channels,
        "num_res_blocks": len(resnets),
        "downscale_factor": side,
        "adapter_type": "light_adapter" if light else full,
    }


def misfit(adapter: Mapping[str, Any], unet: Mapping[str, Any]) -> bool:
    """Whether the features of an adapter of this configuration have no place in such a U-Net."""
    channels, widths = list(adapter["channels"]), list(unet["block_out_channels"])
    if adapter["adapter_type"] == "full_adapter_xl":
        return channels[: len(widths)] != widths or channels[len(widths) :] != widths[-1:]
    if adapter["adapter_type"] == "light_adapter":
        channels.append(channels[-1])
    return channels != widths or unet["down_block_types"][0] == "DownBlock2D"

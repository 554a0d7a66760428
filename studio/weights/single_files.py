"""Parts in one file: the original layout, or diffusers' names behind a part's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from studio.domain.errors import CheckpointError
from studio.domain.family import ModelFamily
from studio.weights import configs, modules
from studio.weights.layouts import unet, vae
from studio.weights.sources import Origin, PartSource
from studio.weights.tensor_files import TensorFile

_VAE_PREFIXES = ("first_stage_model.", "vae.", "")

Keys = Mapping[str, str]
"""Name in the original layout, without prefix -> the tensor's name in the file."""


def vae_part(file: TensorFile, family: ModelFamily | None) -> PartSource:
    """The VAE in `file`, which may hold nothing else; `family` None: it is not known whose.
    Raises `CheckpointError`."""
    keys = vae_keys(file)
    if not keys:
        raise CheckpointError("there is no VAE in it. Choose another file")
    shapes = shapes_of(file, keys)
    config = derived("vae", file, lambda: configs.vae_config(shapes, family or ModelFamily))
    return part_of("vae", file, config, keys, lambda name: vae.original_name(name, config))


def vae_keys(file: TensorFile) -> Keys:
    """Empty if there is no VAE in the file."""
    for prefix in _VAE_PREFIXES:
        if f"{prefix}decoder.mid.block_1.conv1.weight" in file.shapes:
            return below(file, prefix)
        if f"{prefix}decoder.mid_block.resnets.0.conv1.weight" in file.shapes:
            ours = {vae.newest_name(name): key for name, key in below(file, prefix).items()}
            named = {"block_out_channels": configs.numbers_behind("encoder.down_blocks.", ours)}
            return {vae.original_name(name, named): key for name, key in ours.items()}
    return {}


def original_unet_keys(ours: Keys) -> Keys:
    """`ours`, under our names, under the names of the original layout. Names that are none of a
    U-Net's or ControlNet's, as a trainer's counters, are left out."""
    layers = configs.numbers_behind("down_blocks.0.resnets.", ours)
    ups = configs.numbers_behind("up_blocks.", ours)
    attends = {
        k for k in ups if any(name.startswith(f"up_blocks.{k}.attentions.") for name in ours)
    }
    hints = configs.numbers_behind("controlnet_cond_embedding.blocks.", ours)
    named = {
        "layers_per_block": len(layers),
        "up_block_types": ["CrossAttn" if k in attends else "" for k in range(len(ups))],
        "conditioning_embedding_out_channels": range(len(hints) // 2 + 1),
    }
    original = {}
    for name, key in ours.items():
        with suppress(LookupError):
            original[unet.original_name(name, named)] = key
    return original


def below(file: TensorFile, prefix: str) -> Keys:
    """What stands behind `prefix`, by its name there."""
    cut = len(prefix)
    return {key[cut:]: key for key in file.shapes if key.startswith(prefix)}


def shapes_of(file: TensorFile, keys: Keys) -> configs.Shapes:
    """Of the tensors in `keys`, by their names there."""
    return {name: file.shapes[key] for name, key in keys.items()}


def part_of(
    part: str,
    file: TensorFile,
    config: dict[str, Any],
    keys: Keys,
    stored_name: Callable[[str], str],
) -> PartSource:
    """Every weight that the module needs and the file has."""
    stored = {name: keys.get(stored_name(name)) for name in modules.shapes(part, config)}
    return PartSource(config, {name: (file, Origin(key)) for name, key in stored.items() if key})


def derived(part: str, file: TensorFile, derive: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The configuration from the shapes, and from what the file's metadata add."""
    try:
        config = derive()
    except (KeyError, IndexError, ValueError, StopIteration) as error:
        raise CheckpointError(f"its {part} is incomplete ({error} is missing)") from None
    return configs.with_metadata(part, config, file.metadata)

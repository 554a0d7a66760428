"""Tiny VAEs (TAESD), which show the forming picture."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch

from studio.domain.errors import CheckpointError
from studio.domain.refs import ModelRef
from studio.weights import modules
from studio.weights.loader import explained, read_part
from studio.weights.sources import Origin, PartSource
from studio.weights.tensor_files import TensorFile, open_tensors

Read = tuple[dict[str, torch.Tensor], dict[str, Any]]
"""Weights under the names of the module, and the configuration that `build` makes it from."""


def read_tiny_vae(ref: ModelRef, dtype: torch.dtype) -> Read:
    """A TAESD: the names are those of AutoencoderTiny's decoder, "decoder.layers.0.weight"; an
    encoder is left out. For `modules.build("tiny_vae", config).load_state_dict(…, strict=False)`.
    Raises `CheckpointError`."""
    with explained(ref):
        source = _tiny_vae(open_tensors(_weights_file(ref)))
    return _read(ref, "tiny_vae", source, dtype)


def _read(ref: ModelRef, part: str, source: PartSource, dtype: torch.dtype) -> Read:
    weights: dict[str, torch.Tensor] = {}
    for _, tensors in read_part(ref, part, source, dtype):
        weights |= tensors
    return weights, source.config


def _weights_file(ref: ModelRef) -> Path:
    if not ref.path.is_dir():
        return ref.path
    return ref.path / "diffusion_pytorch_model.safetensors"


_ORIGINAL = re.compile(r"(?:(?:taesd_)?decoder\.)?(\d+)\.(weight|bias|conv\.\d+\.\w+|skip\.weight)")
_OURS = re.compile(r"decoder\.layers\.(\d+)\.(.+)")


def _tiny_vae(file: TensorFile) -> PartSource:
    """Its layers are numbered through; in the original a clamp without weights is number 0."""
    origins = {}
    for key in file.shapes:
        if match := _OURS.fullmatch(key):
            origins[key] = (file, Origin(key))
        elif match := _ORIGINAL.fullmatch(key):
            origins[f"decoder.layers.{int(match[1]) - 1}.{match[2]}"] = (file, Origin(key))
    first = origins.get("decoder.layers.0.weight")
    if first is None:
        raise CheckpointError("there is no decoder of a tiny VAE in it. Choose another file")
    config = {"latent_channels": file.shapes[first[1].key][1]}
    return _complete(config, origins)


def _complete(config: dict[str, Any], origins: dict) -> PartSource:
    needed = {
        name: shape
        for name, shape in modules.shapes("tiny_vae", config).items()
        if name.startswith("decoder.")
    }
    missing = [name for name in needed if name not in origins]
    if missing:
        raise CheckpointError(f"its decoder is incomplete: {missing[0]} is missing")
    for name, shape in needed.items():
        file, origin = origins[name]
        if file.shapes[origin.key] != shape:
            raise CheckpointError(f"{origin.key} has the shape {file.shapes[origin.key]}")
    return PartSource(config, {name: origins[name] for name in needed})

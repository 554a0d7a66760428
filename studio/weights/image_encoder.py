"""CLIP's image encoder (arXiv:2103.00020), which IP-Adapters see with: one safetensors file under
the names of transformers, with or without its configuration beside it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import torch

from studio.domain.files import read_file
from studio.domain.refs import ModelRef
from studio.weights.configs import Shapes
from studio.weights.single_files import derived, part_of, shapes_of
from studio.weights.sources import PartSource
from studio.weights.tensor_files import open_tensors

PART = "image_encoder"
_MAX_CONFIG_BYTES = 4 * 2**20
_HEADS = {768: 12}
_MOST_HEADS = 16
"""Of all the published ones that are wider."""
_QUICK_GELU = (768, 1024)
"""Widths of those that OpenAI trained, with an activation of their own."""


def open_encoder(ref: ModelRef, dtype: torch.dtype) -> dict[str, PartSource]:
    """Its one part. Raises `CheckpointError`."""
    path = ref.path / "model.safetensors" if ref.path.is_dir() else ref.path
    file = open_tensors(path)
    keys = {name: name for name in file.shapes if name.startswith(("vision_model.", "visual_"))}
    shapes = shapes_of(file, keys)
    config = derived(PART, file, lambda: _config(shapes))
    config |= _config_beside(path.with_name("config.json"), config["hidden_size"])
    return {PART: part_of(PART, file, config, keys, lambda name: name)}


def _config(shapes: Shapes) -> dict[str, Any]:
    """Raises `KeyError` for a missing weight."""
    width, _, patch, _ = shapes["vision_model.embeddings.patch_embedding.weight"]
    places = shapes["vision_model.embeddings.position_embedding.weight"][0] - 1
    layers = {name.split(".")[3] for name in shapes if name.startswith("vision_model.encoder.")}
    return {
        "hidden_size": width,
        "intermediate_size": shapes["vision_model.encoder.layers.0.mlp.fc1.weight"][0],
        "num_hidden_layers": len(layers),
        "num_attention_heads": _HEADS.get(width, _MOST_HEADS),
        "image_size": patch * math.isqrt(places),
        "patch_size": patch,
        "projection_dim": shapes["visual_projection.weight"][0],
        "hidden_act": "quick_gelu" if width in _QUICK_GELU else "gelu",
    }


def _config_beside(path: Path, width: int) -> dict[str, Any]:
    """What no shape shows, from the configuration at `path` if there is one for such a width."""
    try:
        config = json.loads(read_file(path, _MAX_CONFIG_BYTES))
        config = config.get("vision_config", config)
    except (OSError, ValueError, AttributeError):
        return {}
    if not isinstance(config, dict) or config.get("hidden_size") != width:
        return {}
    wanted = ("num_attention_heads", "hidden_act", "layer_norm_eps")
    return {key: config[key] for key in wanted if key in config}

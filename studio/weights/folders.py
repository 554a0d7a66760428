"""Parts in diffusers layout: a folder for each, its configuration beside its weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from studio.domain.errors import CheckpointError
from studio.domain.files import read_file
from studio.weights import modules
from studio.weights.layouts import vae
from studio.weights.sources import Origin, PartSource
from studio.weights.tensor_files import TensorFile, open_tensors

_MAX_JSON_BYTES = 16 * 2**20
"""The index of a checkpoint with thousands of weights has less than one."""


def open_part(folder: Path, part: str, dtype: torch.dtype) -> PartSource:
    """The module in `folder`; `part` says what it is to be. Raises `CheckpointError`."""
    canonical = modules.canonical(config(folder, part))
    file = _weights_file(folder, part, dtype)
    stored = {_present_name(key, part, canonical): (file, Origin(key)) for key in file.shapes}
    return PartSource(canonical, stored)


def config(folder: Path, part: str) -> dict[str, Any]:
    """What stands in its config.json. Raises `CheckpointError`, which calls it a `part`."""
    try:
        content = json.loads(read_file(folder / "config.json", _MAX_JSON_BYTES))
    except OSError as error:
        raise CheckpointError(f"its {part} cannot be loaded ({error})") from None
    except ValueError as error:
        raise CheckpointError(f"its {part} cannot be loaded (config.json: {error})") from None
    if not isinstance(content, dict):
        raise CheckpointError(f"its {part} cannot be loaded (config.json holds no object)")
    return content


def _present_name(key: str, part: str, config: dict[str, Any]) -> str:
    """What the module calls a weight; names have changed in the course of time."""
    if part == "vae":
        return vae.newest_name(key)
    if part.startswith("text_encoder") and not modules.projects(config):
        return key.removeprefix("text_model.")
    return key


def _weights_file(folder: Path, part: str, dtype: torch.dtype) -> TensorFile:
    """The file, or the shards, with the weights: safetensors before pickles, whole before half
    precision unless half is what is wanted, one file before shards."""
    stem = "model" if part.startswith("text_encoder") else "diffusion_pytorch_model"
    pickled = "pytorch_model" if part.startswith("text_encoder") else stem
    variants = ("", ".fp16", ".bf16")
    if dtype == torch.float16:
        variants = (".fp16", "", ".bf16")
    kinds = [(stem, variant, ".safetensors") for variant in variants]
    kinds += [(pickled, variant, ".bin") for variant in variants]
    for name, variant, suffix in kinds:
        path = folder / f"{name}{variant}{suffix}"
        if path.is_file():
            return open_tensors(path)
        for index in (f"{name}{suffix}.index{variant}.json", f"{name}{variant}{suffix}.index.json"):
            if (folder / index).is_file():
                return open_tensors(*_shards(folder / index, part))
    raise CheckpointError(f"its {part} cannot be loaded (there are no weights in {folder})")


def _shards(index: Path, part: str) -> list[Path]:
    try:
        names = set(json.loads(read_file(index, _MAX_JSON_BYTES))["weight_map"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"its {part} cannot be loaded ({index.name}: {error})") from None
    if not names:
        raise CheckpointError(f"its {part} cannot be loaded ({index.name} names no files)")
    if not all(isinstance(name, str) and Path(name).name == name for name in names):
        raise CheckpointError(f"its {part} cannot be loaded ({index.name} names other folders)")
    return [index.parent / name for name in sorted(names)]

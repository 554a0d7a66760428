"""What a folder in diffusers layout holds, told from its configs and its weights' headers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pydantic_core

from studio.catalog.header import Header, read_header
from studio.catalog.keys import family_of_text_width
from studio.catalog.probe_header import TASK_OF_CHANNELS
from studio.catalog.quantized import quantization
from studio.domain.errors import CheckpointError
from studio.domain.family import SDXL, SDXL_REFINER, ModelFamily
from studio.domain.files import read_file
from studio.domain.refs import ModelFacts

INDEX = "model_index.json"
_MAX_CONFIG_BYTES = 4 * 2**20

_TOKENIZERS = ("CLIPTokenizer", "CLIPTokenizerFast")
_PARTS: dict[str, tuple[str, ...]] = {
    "tokenizer": _TOKENIZERS,
    "text_encoder": ("CLIPTextModel",),
    "tokenizer_2": _TOKENIZERS,
    "text_encoder_2": ("CLIPTextModelWithProjection",),
    "unet": ("UNet2DConditionModel",),
    "vae": ("AutoencoderKL",),
    "scheduler": (),
}
"""What a checkpoint consists of and the classes we can run; none: any."""

WITH_WEIGHTS = ("unet", "vae", "text_encoder", "text_encoder_2")


def probe_folder(path: Path) -> ModelFacts:
    """What the diffusers folder `path` holds. Raises `CheckpointError` if we cannot run it."""
    index = read_config(path / INDEX)
    unet = read_config(path / "unet" / "config.json")
    family = _family(path.name, unet)
    for part in _parts_of(family):
        _check_class(path.name, part, index)
    scheduler = read_config(path / "scheduler" / "scheduler_config.json")
    channels = unet.get("in_channels")
    if channels not in TASK_OF_CHANNELS:
        raise CheckpointError(
            f"{path.name} is no text-to-image model: its U-Net takes {channels} channels."
        )
    headers = {part: _headers(path, part) for part in _parts_of(family) if part in WITH_WEIGHTS}
    return ModelFacts(
        kind="checkpoint",
        family=family,
        layout="diffusers",
        task=TASK_OF_CHANNELS[channels],
        prediction_type=scheduler.get("prediction_type", "epsilon"),
        zero_snr=bool(scheduler.get("rescale_betas_zero_snr")),
        dtype=headers["unet"][0].dtype,
        tensors=sum(len(header.tensors) for each in headers.values() for header in each),
    )


def _headers(path: Path, part: str) -> list[Header]:
    """Of a part's files. Raises `CheckpointError` if their weights cannot be read."""
    files = [(file, read_header(file)) for file in _weights(path, part)]
    problem = quantization(files).problem
    if problem:
        raise CheckpointError(f"{path.name}: its {part} {problem}")
    return [header for _, header in files]


def _parts_of(family: ModelFamily) -> tuple[str, ...]:
    first, second = ("tokenizer", "text_encoder"), ("tokenizer_2", "text_encoder_2")
    encoders = {SDXL: first + second, SDXL_REFINER: second}.get(family, first)
    return (*encoders, "unet", "vae", "scheduler")


def _check_class(name: str, part: str, index: dict[str, Any]) -> None:
    entry = index.get(part)
    library, cls = entry if isinstance(entry, list) and len(entry) == 2 else (None, None)
    if cls is None:
        raise CheckpointError(f"{name} has no {part}. Add the missing folder.")
    classes = _PARTS[part]
    if library not in ("diffusers", "transformers") or (classes and cls not in classes):
        raise CheckpointError(f"{name}: a {part} of class {cls} cannot be run here.")


def _family(name: str, unet: dict[str, Any]) -> ModelFamily:
    width = unet.get("cross_attention_dim")
    if not isinstance(width, int):
        raise CheckpointError(f"{name}: its U-Net takes no text, so it cannot be prompted.")
    family = family_of_text_width(width)
    if family is None:
        raise CheckpointError(f"{name} is of a family that is not known here (text width {width}).")
    return family


def _weights(path: Path, part: str) -> list[Path]:
    """The safetensors files of a part, every variant of them."""
    try:
        files = sorted(file for file in (path / part).iterdir() if file.suffix == ".safetensors")
        pickles = [file for file in (path / part).iterdir() if file.suffix == ".bin"]
    except OSError as error:
        raise CheckpointError(f"{path.name}: {part} cannot be read: {error.strerror}.") from None
    if files:
        return files
    if pickles:
        raise CheckpointError(
            f"{path.name}: its {part} is a pickle ({pickles[0].name}), which can run code. "
            "Convert it to safetensors."
        )
    raise CheckpointError(f"{path.name}: its {part} has no weights. Copy or download them again.")


def read_config(path: Path) -> dict[str, Any]:
    """A JSON object. Raises `CheckpointError`."""
    try:
        text = read_file(path, _MAX_CONFIG_BYTES)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from None
    try:
        config = pydantic_core.from_json(text)
    except ValueError as error:
        raise CheckpointError(f"{path} is damaged: {error}.") from None
    if not isinstance(config, dict):
        raise CheckpointError(f"{path} is damaged: it holds no JSON object.")
    return config

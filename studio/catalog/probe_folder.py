"""What a folder in diffusers layout holds, told from its configs and its weights' headers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pydantic_core

from studio.catalog.header import Header, read_header
from studio.catalog.quantized import quantization
from studio.domain.errors import CheckpointError
from studio.domain.files import read_file
from studio.domain.refs import ModelFacts
from studio.families import recognition

INDEX = "model_index.json"
_MAX_CONFIG_BYTES = 4 * 2**20

WITH_WEIGHTS = ("unet", "transformer", "vae", "text_encoder", "text_encoder_2")


def probe_folder(path: Path) -> ModelFacts:
    """What the diffusers folder `path` holds. Raises `CheckpointError` if we cannot run it."""
    index = read_config(path / INDEX)
    kind = recognition.of_folder(index)

    def read(part: str) -> dict[str, Any]:
        name = "scheduler_config.json" if part == "scheduler" else "config.json"
        return read_config(path / part / name)

    family = kind.family_of_folder(path.name, read)
    parts = kind.parts_of(family)
    for part, classes in parts.items():
        _check_class(path.name, part, classes, index)
    facts = kind.facts_of_folder(path.name, read)
    headers = {part: _headers(path, part) for part in parts if part in WITH_WEIGHTS}
    return ModelFacts(
        kind="checkpoint",
        family=family,
        layout="diffusers",
        dtype=headers[family.backbone][0].dtype,
        tensors=sum(len(header.tensors) for each in headers.values() for header in each),
        **facts,
    )


def _headers(path: Path, part: str) -> list[Header]:
    """Of a part's files. Raises `CheckpointError` if their weights cannot be read."""
    files = [(file, read_header(file)) for file in _weights(path, part)]
    problem = quantization(files).problem
    if problem:
        raise CheckpointError(f"{path.name}: its {part} {problem}")
    return [header for _, header in files]


def _check_class(name: str, part: str, classes: tuple[str, ...], index: dict[str, Any]) -> None:
    """`classes`: those that we can run; none: any."""
    entry = index.get(part)
    library, cls = entry if isinstance(entry, list) and len(entry) == 2 else (None, None)
    if cls is None:
        raise CheckpointError(f"{name} has no {part}. Add the missing folder.")
    if library not in ("diffusers", "transformers") or (classes and cls not in classes):
        raise CheckpointError(f"{name}: a {part} of class {cls} cannot be run here.")


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

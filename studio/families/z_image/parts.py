"""The parts of Z-Image: a folder in diffusers layout, or files in the original one, where text
encoder and VAE may lie in files of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from studio.domain.errors import CheckpointError
from studio.domain.files import read_file
from studio.domain.refs import ModelRef
from studio.families.z_image import layout
from studio.families.z_image.text import tokenizer_from_text
from studio.weights import configs, folders, modules, single_files
from studio.weights.single_files import below, derived, shapes_of
from studio.weights.sources import Origin, PartSource, Source
from studio.weights.tensor_files import TensorFile, open_tensors

_TRANSFORMERS = ("model.diffusion_model.", "diffusion_model.", "transformer.", "")
_TEXT_ENCODERS = ("text_encoders.qwen3_4b.transformer.model.", "text_encoder.", "model.", "")
_TELLING = "cap_embedder.1.weight"
_MAX_TOKENIZER_BYTES = 64 * 2**20


def open_parts(ref: ModelRef, dtype: torch.dtype) -> Source:
    """Of a checkpoint, or of a text encoder of its own. Raises `CheckpointError`; messages that
    start with "its" lack the next step."""
    if ref.path.is_dir():
        return _folder(ref.path, dtype)
    file = open_tensors(ref.path)
    if ref.kind == "text_encoder":
        return _text_source(file, ref.path)
    parts = {"transformer": _transformer(file)}
    source = Source() if "text_encoder" in ref.facts.lacks else _text_source(file, ref.path)
    if "vae" not in ref.facts.lacks:
        parts["vae"] = single_files.vae_part(file, ref.family)
    return Source(source.parts | parts, source.tokenizers)


def _folder(folder: Path, dtype: torch.dtype) -> Source:
    text = folders.open_part(folder / "text_encoder", "text_encoder", dtype)
    named = {name.removeprefix("model."): origin for name, origin in text.origins.items()}
    parts = {
        "text_encoder": PartSource(text.config | {"architectures": ["Qwen3Model"]}, named),
        "vae": folders.open_part(folder / "vae", "vae", dtype),
        "transformer": folders.open_part(folder / "transformer", "transformer", dtype),
    }
    return Source(parts, (_tokenizer(folder / "tokenizer" / "tokenizer.json"),))


def _transformer(file: TensorFile) -> PartSource:
    for prefix in _TRANSFORMERS:
        if f"{prefix}{_TELLING}" in file.shapes:
            break
    else:
        raise CheckpointError("there is no transformer in it. Choose another file")
    keys = below(file, prefix)
    shapes = shapes_of(file, keys)
    config = derived("transformer", file, lambda: layout.transformer_config(shapes))
    origins = {name: layout.origin_of(name, keys) for name in modules.shapes("transformer", config)}
    return PartSource(config, {name: (file, origin) for name, origin in origins.items() if origin})


def _text_source(file: TensorFile, path: Path) -> Source:
    """Qwen3 in `file`, whose vocabulary is in the file's notes, or beside it."""
    for prefix in _TEXT_ENCODERS:
        if f"{prefix}embed_tokens.weight" in file.shapes:
            break
    else:
        raise CheckpointError("its text_encoder is missing")
    keys = below(file, prefix)
    shapes = shapes_of(file, keys)
    config = derived("text_encoder", file, lambda: layout.text_config(shapes))
    needed = modules.shapes("text_encoder", config)
    part = PartSource(config, {name: (file, Origin(keys[name])) for name in needed if name in keys})
    inside = file.metadata.get(configs.METADATA_TOKENIZER)
    if inside:
        return Source({"text_encoder": part}, (tokenizer_from_text(inside),))
    beside = (path.with_name(f"{path.stem}.tokenizer.json"), path.with_name("tokenizer.json"))
    there = next((each for each in beside if each.is_file()), None)
    if there is None:
        raise CheckpointError(
            f"Qwen3's vocabulary is missing, which such a file does not hold. Download "
            "tokenizer.json from huggingface.co/Qwen/Qwen3-4B and put it beside the file, as "
            f"{beside[0].name}."
        )
    return Source({"text_encoder": part}, (_tokenizer(there),))


def _tokenizer(path: Path) -> Any:
    try:
        text = read_file(path, _MAX_TOKENIZER_BYTES).decode("utf-8")
    except (OSError, ValueError) as error:
        raise CheckpointError(f"its tokenizer cannot be loaded ({error})") from None
    return tokenizer_from_text(text)

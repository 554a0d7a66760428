"""What a pickle (.ckpt, .pt, .pth, .bin) holds, told without unpickling a byte of it.

Unpickling runs what the file says. Here its first bytes are searched for the tensors' names, as
text: PyTorch writes them before the weights, in the zip layout and in the one before it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from studio.catalog.header import foreign_kind
from studio.catalog.keys import Keys, family_by_names, kind_of
from studio.catalog.probe_header import MAX_EMBEDDING_BYTES, examined
from studio.domain.errors import CheckpointError
from studio.domain.files import open_file
from studio.domain.refs import ModelFacts

_SEARCHED_BYTES = 2 * 2**20
"""The names of SDXL's 2,500 tensors and all that stands between them take 1 MB."""

_ZIP = b"PK\x03\x04"
_TEXT = re.compile(rb"(?:X([\x01-\xff])\0\0\0|\x8c([\x01-\xff]))(?=([ -~]{1,255}))", re.DOTALL)
"""A pickle's ways to write a short text: its length, then the text."""

_DTYPES = (
    (b"HalfStorage", "float16"),
    (b"BFloat16Storage", "bfloat16"),
    (b"FloatStorage", "float32"),
)
_FOLDERS = {
    "embeddings": "embedding",
    "lora": "lora",
    "loras": "lora",
    "vae": "vae",
    "controlnet": "controlnet",
    "esrgan": "upscaler",
    "realesrgan": "upscaler",
    "upscale_models": "upscaler",
    "stable-diffusion": "checkpoint",
    "checkpoints": "checkpoint",
}
"""Where a pickle that shows no names lies -> what it is taken for."""


def probe_pickle(path: Path) -> ModelFacts:
    """What the pickle `path` holds. Raises `CheckpointError` if it is no pickle of PyTorch's, or
    cannot be read."""
    try:
        with open_file(path) as file:
            size = os.fstat(file.fileno()).st_size
            begin = file.read(_SEARCHED_BYTES)
    except OSError as error:
        cause = error.strerror or error
        raise CheckpointError(f"{path.name} cannot be read: {cause}. Check the file.") from None
    if not size:
        raise CheckpointError(f"{path.name} is empty. Copy or download it again.")
    if begin[6:9] == b"\0\0{":
        raise CheckpointError(f"{path.name} is a safetensors file. Name it .safetensors.")
    if begin.startswith(_ZIP):
        end = begin.find(_ZIP, 4)  # the names are in the archive's first member
        begin = begin if end < 0 else begin[:end]
    elif begin[:1] != b"\x80":
        foreign = foreign_kind(begin) or "nothing that PyTorch wrote."
        raise CheckpointError(f"{path.name} is no model: it is {foreign}")
    return _told_by_names(path, size, begin)


def _told_by_names(path: Path, size: int, begin: bytes) -> ModelFacts:
    names = [
        found[3][: (found[1] or found[2])[0]].decode("ascii") for found in _TEXT.finditer(begin)
    ]
    keys = Keys(names)
    kind = kind_of(keys)
    if kind == "unknown":
        kind = _kind_by_place(path, size, keys)
    found = ModelFacts(
        kind=kind,
        family=family_by_names(keys),
        dtype=next((dtype for storage, dtype in _DTYPES if storage in begin), ""),
    )
    if kind == "unknown":
        problem = f"{path.name} is a pickle of a kind that the studio does not know."
        return ModelFacts(kind=kind, problem=problem)
    return examined(found, path.name, keys)


def _kind_by_place(path: Path, size: int, keys: Keys) -> str:
    """Names did not tell. A small one is an embedding; else its folder is all there is."""
    if keys.exist("string_to_param"):
        return "embedding"
    for folder in reversed(path.parts[:-1]):
        if folder.lower() in _FOLDERS:
            kind = _FOLDERS[folder.lower()]
            return kind if kind != "embedding" or size <= MAX_EMBEDDING_BYTES else "unknown"
    is_small = size <= 2**20 and path.suffix.lower() in (".pt", ".bin")
    return "embedding" if is_small else "unknown"

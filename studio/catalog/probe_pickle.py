"""What an old PyTorch file (.ckpt, .pt, .pth, .bin) is, told from the tensors it describes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from studio.catalog.pickle_header import Pickle, without_tensors
from studio.catalog.probe_header import MAX_EMBEDDING_BYTES, probe_header, with_vectors
from studio.domain.refs import ModelFacts

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
"""Where a pickle lies whose names tell nothing -> what it is taken for."""


def probe_pickle(path: Path, pickle: Pickle) -> ModelFacts:
    """What the file `path`, read as this pickle, holds."""
    header = pickle.header
    facts = probe_header(path.name, header)
    if facts.kind != "unknown":
        return facts
    kind = _kind_by_place(path, header.data_bytes if header.shapes else None)
    if kind == "unknown":
        problem = f"{path.name} is a pickle of a kind that the studio does not know."
        if pickle.foreign and not header.shapes:
            problem = without_tensors(path.name, pickle.foreign)
        return ModelFacts(kind=kind, problem=problem)
    facts = replace(facts, kind=kind, problem="")
    return with_vectors(facts, header.shapes.values()) if kind == "embedding" else facts


def _kind_by_place(path: Path, weights_bytes: int | None) -> str:
    """Names did not tell. A small one is an embedding; else its folder is all there is.
    `weights_bytes` None: there are none."""
    for folder in reversed(path.parts[:-1]):
        if folder.lower() in _FOLDERS:
            kind = _FOLDERS[folder.lower()]
            size = weights_bytes or 0
            return kind if kind != "embedding" or size <= MAX_EMBEDDING_BYTES else "unknown"
    is_small = weights_bytes is not None and weights_bytes <= 2**20
    return "embedding" if is_small and path.suffix.lower() in (".pt", ".bin") else "unknown"

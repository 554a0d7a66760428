"""A checkpoint on disk to weights in host memory, and to modules.

First the headers are read, which tell the whole plan: which weight of which module lies where and
in what form, and whether anything is missing. Then the bytes are read once, and nothing stays
mapped onto a file.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from studio.domain.errors import CheckpointError, OutOfMemory
from studio.domain.refs import ModelRef, Selection
from studio.models import folders, modules
from studio.models.modules import build
from studio.models.sources import Origin, PartSource, Source
from studio.models.tensor_files import TensorFile

__all__ = ["Models", "Weights", "architecture", "build", "read"]


@dataclass(frozen=True)
class Weights:
    """A checkpoint in host memory.

    parts       part -> name of the module's weight -> contiguous tensor in the dtype asked for
    configs     part -> what `build` needs
    tokenizers  in the order of the family's prompt encoders
    """

    ref: ModelRef
    parts: dict[str, dict[str, torch.Tensor]]
    configs: dict[str, dict[str, Any]]
    tokenizers: tuple[Any, ...]

    def part_bytes(self, part: str) -> int:
        return sum(tensor.nbytes for tensor in self.parts[part].values())

    @property
    def size_bytes(self) -> int:
        return sum(map(self.part_bytes, self.parts))


@dataclass(frozen=True)
class Models:
    """A checkpoint in memory, ready to run; all modules on one device and of one dtype.

    tokenizers, text_encoders  in the order of the family's prompt encoders
    embeddings                 name -> vectors (n, width), one tensor for each text encoder
    """

    ref: ModelRef
    selection: Selection
    tokenizers: tuple[Any, ...]
    text_encoders: tuple[torch.nn.Module, ...]
    unet: torch.nn.Module
    vae: torch.nn.Module
    embeddings: Mapping[str, tuple[torch.Tensor, ...]] = field(default_factory=dict)


def read(
    ref: ModelRef, dtype: torch.dtype, vae: ModelRef | None = None
) -> Iterator[tuple[str, float, Weights | None]]:
    """Read `ref`, with the VAE of `vae` instead of its own, yielding (stage, fraction done, None)
    and at last ("ready", 1.0, weights).

    Raises `CheckpointError` where files are missing, broken, or not of a kind we can run,
    `OutOfMemory` where they do not fit into the host's memory.
    """
    yield f"{ref.name}: opening", 0.0, None
    with _explained(ref):
        source = _open(ref, dtype, vae)
        total = sum(_size(part) for part in source.parts.values()) or 1
    parts: dict[str, dict[str, torch.Tensor]] = {}
    done = 0
    for name, part in source.parts.items():
        stage = f"{ref.name}: {name.replace('_', ' ')}"
        yield stage, done / total, None
        parts[name] = {}
        reading = _read_part(ref, name, part, dtype)
        for size, tensors in reading:
            done += size
            parts[name].update(tensors)
            yield stage, min(done / total, 1.0), None
    configs = {name: part.config for name, part in source.parts.items()}
    yield "ready", 1.0, Weights(ref, parts, configs, source.tokenizers)


def architecture(weights: Weights) -> Hashable:
    """Equal for checkpoints whose modules are the same but for their weights."""
    return tuple(
        (part, json.dumps(config, sort_keys=True))
        for part, config in sorted(weights.configs.items())
    )


def _open(ref: ModelRef, dtype: torch.dtype, vae: ModelRef | None) -> Source:
    """The plan, complete: every weight that the modules need has its place in a file."""
    if not ref.path.exists():
        raise CheckpointError(
            f"{ref.name} is no longer there ({ref.path}). "
            "Put it back, or choose another checkpoint."
        )
    without = ("vae",) if vae else ()
    source = folders.open_folder(ref, dtype, without)
    return Source(
        {name: part.checked(name) for name, part in source.parts.items()}, source.tokenizers
    )


def _size(part: PartSource) -> int:
    return sum(file.size_bytes(keys) for file, keys in _by_file(part).items())


def _by_file(part: PartSource) -> dict[TensorFile, dict[str, list[tuple[str, Origin]]]]:
    """File -> key in it -> the weights that are made from it."""
    wanted: dict[TensorFile, dict[str, list[tuple[str, Origin]]]] = {}
    for name, (file, origin) in part.origins.items():
        wanted.setdefault(file, {}).setdefault(origin.key, []).append((name, origin))
    return wanted


def _read_part(
    ref: ModelRef, name: str, part: PartSource, dtype: torch.dtype
) -> Iterator[tuple[int, dict[str, torch.Tensor]]]:
    """(bytes read, weights) group by group."""
    shapes = modules.shapes(name, part.config)
    for file, wanted in _by_file(part).items():
        groups = file.read(wanted, dtype)
        while True:
            with _explained(ref, name):
                group = next(groups, None)
            if group is None:
                break
            size, tensors = group
            for key, tensor in tensors.items():
                if not _finite(tensor):
                    raise CheckpointError(
                        f"{ref.name}: its {name} holds numbers that are not finite ({key}), so "
                        "every picture would be lost. Download it again, or get another version."
                    )
            yield (
                size,
                {
                    weight: origin.take(tensor, shapes[weight])
                    for key, tensor in tensors.items()
                    for weight, origin in wanted[key]
                },
            )


def _finite(tensor: torch.Tensor) -> bool:
    """Whether all numbers are: their sum tells at once, unless it has itself overflowed."""
    return bool(tensor.sum().isfinite()) or bool(tensor.isfinite().all())


@contextmanager
def _explained(ref: ModelRef, part: str = "") -> Iterator[None]:
    """Errors get the name of the checkpoint, and the next step where they have none."""
    try:
        yield
    except CheckpointError as error:
        text = str(error)
        if text.startswith("its "):
            text = f"{text}. Copy or download it again."
        raise CheckpointError(
            f"{ref.name}: {part and f'its {part} cannot be loaded: '}{text}"
        ) from error
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "alloc" not in str(error):
            raise
        raise OutOfMemory(
            f"{ref.name} does not fit into this computer's memory. Close other programs, or choose "
            "a smaller checkpoint."
        ) from None

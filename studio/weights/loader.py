"""A checkpoint on disk to weights in host memory, and to modules.

First the headers are read, which tell the whole plan: which weight of which module lies where and
in what form, and whether anything is missing. Then the bytes are read once, and nothing stays
mapped onto a file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from studio.domain.errors import (
    CheckpointError,
    InvalidRequest,
    OutOfMemory,
    is_out_of_memory,
)
from studio.domain.refs import ModelRef, Selection
from studio.weights import control_files, folders, image_encoder, modules, single_files
from studio.weights.modules import build
from studio.weights.sources import Origin, PartSource, Source
from studio.weights.tensor_files import Own, TensorFile, open_tensors, own

__all__ = [
    "Models",
    "Weights",
    "build",
    "explained",
    "read",
    "read_part",
    "vae_config",
]


@dataclass(frozen=True)
class Weights:
    """A checkpoint in host memory.

    parts       part -> name of the module's weight -> contiguous tensor in the dtype asked for
    configs     part -> what `build` needs
    tokenizers  in the order of the family's text parts
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

    tokenizers, text_encoders  in the order of the family's text parts
    backbone                   what predicts: its U-Net, if it has one
    embeddings                 name -> vectors (n, width), one tensor for each text encoder
    preview_decoder, tiny_vae  the best of them that there is, if any; both show a forming picture
    controlnets                in the order of the selection, as are
    image_encoders
    warnings                   what of the selection could not be used, to be told with the pictures
    """

    ref: ModelRef
    selection: Selection
    tokenizers: tuple[Any, ...]
    text_encoders: tuple[torch.nn.Module, ...]
    backbone: torch.nn.Module
    vae: torch.nn.Module
    embeddings: Mapping[str, tuple[torch.Tensor, ...]] = field(default_factory=dict)
    preview_decoder: torch.nn.Module | None = None
    tiny_vae: torch.nn.Module | None = None
    controlnets: tuple[torch.nn.Module, ...] = ()
    image_encoders: tuple[torch.nn.Module, ...] = ()
    warnings: tuple[str, ...] = ()


def read(
    ref: ModelRef, dtype: torch.dtype, own: Own = own
) -> Iterator[tuple[str, float, Weights | None]]:
    """Read `ref`, yielding (stage, fraction done, None) and at last ("ready", 1.0, weights).

    A `ref` that is itself a VAE gives the part "vae" alone, a ControlNet one of `control_files`;
    the single file of a checkpoint may lack a VAE.

    Raises `CheckpointError` where files are missing, broken, or not of a kind we can run,
    `OutOfMemory` where they do not fit into the host's memory.
    """
    yield f"{ref.name}: opening", 0.0, None
    with explained(ref):
        source = _open(ref, dtype)
        total = sum(_size(part) for part in source.parts.values()) or 1
    parts: dict[str, dict[str, torch.Tensor]] = {}
    done = 0
    for name, part in source.parts.items():
        stage = f"{ref.name}: {name.replace('_', ' ')}"
        yield stage, done / total, None
        parts[name] = {}
        reading = read_part(ref, name, part, dtype, own)
        for size, tensors in reading:
            done += size
            parts[name].update(tensors)
            yield stage, min(done / total, 1.0), None
    configs = {name: part.config for name, part in source.parts.items()}
    yield "ready", 1.0, Weights(ref, parts, configs, source.tokenizers)


def vae_config(own: Weights, other: Weights) -> dict[str, Any]:
    """The configuration of the VAE of `other` in the place of that of `own`: no file tells the
    scale of its latents, and it is the checkpoint's U-Net that knows one.

    Raises `InvalidRequest` for a VAE whose latents that U-Net cannot use.
    """
    config, wanted = other.configs["vae"], own.ref.family.latent_channels
    if config["latent_channels"] != wanted:
        raise InvalidRequest(
            f"vae: {other.ref.name} has latents of {config['latent_channels']} channels, "
            f"{own.ref.name} works on {wanted}. Choose a VAE of its family."
        )
    family, known = own.ref.family, own.configs.get("vae", {})
    scales = {"scaling_factor": known.get("scaling_factor", family.latent_scale)}
    if family.latent_shift:
        scales["shift_factor"] = known.get("shift_factor", family.latent_shift)
    return config | scales


def _open(ref: ModelRef, dtype: torch.dtype) -> Source:
    """The plan, complete: every weight that the modules need has its place in a file."""
    if not ref.path.exists():
        raise CheckpointError(
            f"{ref.name} is no longer there ({ref.path}). Put it back, or choose another one."
        )
    if ref.kind in _ALONE:
        source = Source(_ALONE[ref.kind](ref, dtype))
    else:
        source = ref.family.open(ref, dtype)
    checked = {name: part.checked(name) for name, part in source.parts.items()}
    return Source(checked, source.tokenizers)


def _vae(ref: ModelRef, dtype: torch.dtype) -> dict[str, PartSource]:
    """A VAE of its own. No file tells the scale of its latents: `vae_config` corrects it."""
    if ref.path.is_dir():
        return {"vae": folders.open_part(ref.path, "vae", dtype)}
    return {"vae": single_files.vae_part(open_tensors(ref.path), ref.family)}


_ALONE = {
    "vae": _vae,
    "controlnet": control_files.open_control,
    "image_encoder": image_encoder.open_encoder,
}
"""Kinds of one part alone."""


def _size(part: PartSource) -> int:
    return sum(file.size_bytes(keys) for file, keys in _by_file(part).items())


def _by_file(part: PartSource) -> dict[TensorFile, dict[str, list[tuple[str, Origin]]]]:
    """File -> key in it -> the weights that are made from it."""
    wanted: dict[TensorFile, dict[str, list[tuple[str, Origin]]]] = {}
    for name, (file, origin) in part.origins.items():
        wanted.setdefault(file, {}).setdefault(origin.key, []).append((name, origin))
    return wanted


def read_part(
    ref: ModelRef, name: str, part: PartSource, dtype: torch.dtype, own: Own = own
) -> Iterator[tuple[int, dict[str, torch.Tensor]]]:
    """The weights of one part, as (bytes read, weights) group by group. Raises as `read`."""
    shapes = modules.shapes(name, part.config)
    for file, wanted in _by_file(part).items():
        groups = file.read(wanted, dtype, own)
        while True:
            with explained(ref, name):
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
def explained(ref: ModelRef, part: str = "") -> Iterator[None]:
    """Errors get the name of the checkpoint, and the next step where they have none."""
    try:
        yield
    except CheckpointError as error:
        text = str(error)
        if not text.endswith("."):
            text = f"{text}. Copy or download the checkpoint again."
        if part and not text.startswith("its "):
            text = f"its {part} cannot be loaded: {text}"
        raise CheckpointError(f"{ref.name}: {text}") from error
    except LookupError as error:
        raise CheckpointError(
            f"{ref.name}: it is laid out in a way that is not known here ({error}). Get another "
            "version of it."
        ) from error
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemory(
            f"{ref.name} does not fit into this computer's memory. Close other programs, or choose "
            "a smaller checkpoint."
        ) from None

"""A checkpoint on disk to modules on the device."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors import SafetensorError
from transformers import CLIPTextModel, CLIPTokenizer
from transformers.utils import logging as transformers_logging

from studio.domain.errors import CheckpointError, OutOfMemory
from studio.domain.refs import ModelRef

transformers_logging.disable_progress_bar()  # its bar a file would tear ours apart


@dataclass(frozen=True)
class Models:
    """A checkpoint in memory, ready to run; all modules on one device and of one dtype."""

    ref: ModelRef
    tokenizer: Any
    text_encoder: CLIPTextModel
    unet: UNet2DConditionModel
    vae: AutoencoderKL


_SHARES = {"tokenizer": 0.02, "text_encoder": 0.15, "vae": 0.25, "unet": 1.0}
"""How far loading is once each part is there, by their usual sizes."""


def load(
    ref: ModelRef, device: torch.device, dtype: torch.dtype
) -> Iterator[tuple[str, float, Models | None]]:
    """Load part by part, yielding (stage, fraction done, None), at last ("ready", 1.0, models).

    Raises `CheckpointError` where files are missing or broken, `OutOfMemory` where they don't fit.
    """
    parts: dict[str, Any] = {}
    done = 0.0
    for part, share in _SHARES.items():
        yield f"{ref.name}: {part.replace('_', ' ')}", done, None
        try:
            parts[part] = _load_part(part, ref.path, dtype, device)
        except torch.OutOfMemoryError:
            raise OutOfMemory(
                f"{ref.name} does not fit into the memory of {device}. Close other programs that "
                "use it, or choose a smaller checkpoint."
            ) from None
        except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
            raise CheckpointError(
                f"{ref.name}: its {part} cannot be loaded ({_first_line(error)}). "
                "Copy or download the checkpoint again."
            ) from error
        done = share
    yield "ready", 1.0, Models(ref=ref, **parts)


def _load_part(part: str, folder: Path, dtype: torch.dtype, device: torch.device) -> Any:
    path = folder / part
    if part == "tokenizer":
        return CLIPTokenizer.from_pretrained(path, local_files_only=True)
    classes = {
        "text_encoder": CLIPTextModel,
        "unet": UNet2DConditionModel,
        "vae": AutoencoderKL,
    }
    module = classes[part].from_pretrained(
        path, dtype=dtype, use_safetensors=True, local_files_only=True
    )
    module.requires_grad_(False).eval()
    if part != "text_encoder":
        module.to(memory_format=torch.channels_last)
    if device.type == "cpu":
        _unmap(module)
    return module.to(device)


def _unmap(module: torch.nn.Module) -> None:
    """Copy the weights off the file: a file replaced or cut short under a live model would change
    its pictures or kill the process."""
    for tensor in [*module.parameters(), *module.buffers()]:
        tensor.data = tensor.data.clone(memory_format=torch.preserve_format)


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]

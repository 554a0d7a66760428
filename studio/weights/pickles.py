"""Old PyTorch files (.ckpt, .pt, .bin), read without running what may hide in them.

Such a file is a program that builds its tensors. PyTorch's restricted reader carries out nothing
but the building of tensors and refuses the rest; there is no other way in.
"""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import torch

from studio.domain.errors import CheckpointError
from studio.domain.files import open_file

SUFFIXES = (".ckpt", ".pt", ".pth", ".bin")

_NESTS = ("state_dict", "model_state_dict", "params_ema", "params", "model", "string_to_param")
"""Under which names training programs keep the tensors, beside their own books; the last is that
of textual inversions."""


def read_pickle(path: Path) -> dict[str, torch.Tensor]:
    """The named tensors of `path`; they may be mapped onto the file, so copy what you keep.

    Raises `CheckpointError` where the file holds more than tensors, saying how to convert it.
    """
    try:
        found = _load(path)
    except pickle.UnpicklingError as error:
        raise CheckpointError(_refusal(path, str(error))) from None
    except OSError as error:
        raise CheckpointError(
            f"{path.name} cannot be read: {error.strerror or error}. Check the file."
        ) from None
    except Exception as error:
        first = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise CheckpointError(
            f"{path.name} is damaged: {first}. Copy or download it again."
        ) from None
    for nest in _NESTS:
        if isinstance(found, dict) and isinstance(found.get(nest), dict):
            found = found[nest]
    tensors = _tensors(found)
    if not tensors:
        raise CheckpointError(
            f"{path.name} holds no named tensors. If it is a model, convert it to safetensors."
        )
    return tensors


def _load(path: Path):
    """Mapped where the file is of the zip kind; the older kind can only be read as a whole."""
    with open_file(path) as file:
        is_zip = file.read(4) == b"PK\x03\x04"
    return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)


def _tensors(found) -> dict[str, torch.Tensor]:
    if not isinstance(found, dict):
        return {}
    return {
        name: value.detach()
        for name, value in found.items()
        if isinstance(name, str) and isinstance(value, torch.Tensor)
    }


def _refusal(path: Path, message: str) -> str:
    match = re.search(r"GLOBAL (\S+)|`(\S+?)`", message)
    what = next((name for name in match.groups() if name), "") if match else ""
    what = f" ({what[:80].rstrip(',')})" if what else ""
    return (
        f"{path.name} was refused: besides tensors it holds program code{what}, which could do "
        "anything on this computer. None of it was run. Get the model as .safetensors; or, if you "
        "trust its source, load it elsewhere and save its state dict alone with "
        "safetensors.torch.save_file."
    )

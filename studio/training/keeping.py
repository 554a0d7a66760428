"""A training on disk, so that it can go on where it stopped."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from studio.domain.errors import InvalidRequest, SaveError
from studio.domain.files import is_full

STATE = "state.pt"


def save(folder: Path, state: dict[str, Any]) -> None:
    """Keep `state` (tensors and plain data) in `folder`, whole or not at all. Raises
    `SaveError`."""
    write(folder / STATE, lambda path: torch.save(state, path))


def load(folder: Path) -> dict[str, Any] | None:
    """What was kept last; None: nothing. Raises `InvalidRequest` where it cannot be read."""
    path = folder / STATE
    try:
        return _as_called_now(torch.load(path, map_location="cpu", weights_only=True))
    except FileNotFoundError:
        return None
    except Exception as error:
        first = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise InvalidRequest(
            f"{path} cannot be read ({first}). Delete the folder and begin again."
        ) from None


def _as_called_now(state: dict[str, Any]) -> dict[str, Any]:
    """What learns was called "layers" while there were LoRAs alone; such a training goes on too."""
    for each in (state, state.get("best") or {}):
        if "layers" in each:
            each["adapter"] = each.pop("layers")
    return state


def write(path: Path, put: Any) -> None:
    """Have `put(partial)` write a file and give it the name `path` when it is whole. Raises
    `SaveError`."""
    partial = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        put(partial)
        with open(partial, "rb+") as file:
            os.fsync(file.fileno())
        partial.chmod(0o644)
        os.replace(partial, path)
    except Exception as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: Exception) -> Exception:
    """torch's and safetensors' writers have errors of their own for a full disk."""
    if isinstance(error, OSError):
        step = "Free some disk space" if is_full(error) else "See that the folder can be written to"
        return SaveError(f"{path} cannot be written: {error.strerror or error}. {step}.")
    text = (str(error) or type(error).__name__).splitlines()[0][:200]
    return SaveError(f"{path} cannot be written ({text}). Free some disk space.")

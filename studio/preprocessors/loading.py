"""Weights into networks, and single parts out of controlnet_aux. Torch is imported when called."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from studio.domain.errors import CheckpointError, EngineError

if TYPE_CHECKING:
    import torch

_PACKAGE = "controlnet_aux"


def annotator(name: str) -> ModuleType:
    """The module `controlnet_aux.<name>` alone.

    The package itself would import all its detectors: seconds, other entries in timm's registry,
    and Mediapipe, whose present versions it cannot even be imported beside. So the package is put
    in place without being run.
    """
    if _PACKAGE not in sys.modules:
        spec = find_spec(_PACKAGE)
        if spec is None:
            raise EngineError("The package controlnet-aux is missing: pip install controlnet-aux.")
        sys.modules[_PACKAGE] = module_from_spec(spec)
    return import_module(f"{_PACKAGE}.{name}")


def fill(
    module: torch.nn.Module, path: Path, stored_as: Callable[[str], str] = lambda name: name
) -> None:
    """Load `path` into `module`, which must want just what there is.

    stored_as  what the file calls a weight of the module

    Raises `CheckpointError`.
    """
    from studio.weights.tensor_files import read_tensors

    there = read_tensors(path)
    ours = {stored_as(name): name for name in module.state_dict()}
    try:
        module.load_state_dict({ours.get(name, name): each for name, each in there.items()})
    except RuntimeError as error:
        what = " ".join(str(error).split())[:160]
        raise CheckpointError(
            f"{path} is not what it is called: {what}. Remove it and download it again."
        ) from None

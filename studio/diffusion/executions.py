"""Which `Execution` a studio has."""

from __future__ import annotations

import logging
from typing import Literal

import torch

from studio.diffusion.compiled import Compiled, what_is_missing
from studio.diffusion.execution import Eager, Execution
from studio.diffusion.graphs import CudaRecorder, Graphs

Compiles = Literal["", "blocks", "wholes"]
"""What is compiled: nothing, blocks that repeat, or these and then whole calls."""

log = logging.getLogger(__name__)


def chosen(device: torch.device, compiles: Compiles, captures: bool) -> Execution:
    """Of what was asked for, something compiled and calls captured as CUDA graphs, as much as there
    can be on `device`; what cannot be is logged."""
    execution: Execution = Eager()
    missing = what_is_missing(device) if compiles else None
    if missing:
        log.warning("compile: %s. Pictures are drawn without.", missing)
    elif compiles:
        execution = Compiled(wholes=compiles == "wholes")
    if captures and device.type != "cuda":
        log.warning("cuda-graphs: there are none on %s. Pictures are drawn without.", device)
    elif captures:
        execution = Graphs(CudaRecorder(device), execution)
    return execution

"""The parts of a checkpoint whose backbone is a U-Net."""

from __future__ import annotations

from typing import Any

import torch

from studio.domain.errors import CheckpointError
from studio.domain.refs import ModelRef
from studio.weights import folders, single_files
from studio.weights.sources import Source


def open_parts(ref: ModelRef, dtype: torch.dtype) -> Source:
    """Of a folder in diffusers layout or a single file. Raises `CheckpointError`; messages that
    start with "its" lack the next step."""
    if ref.path.is_dir():
        source = folders.open_folder(ref, dtype)
    else:
        source = single_files.open_single_file(ref)
    _check_task(source.parts["unet"].config, ref.family.latent_channels)
    return source


_NOT_YET = {4: "to edit a picture by instruction (pix2pix)", 1: "to follow a depth map"}
"""Channels that a U-Net takes beside the latents -> what it was made for."""


def _check_task(unet: dict[str, Any], latent_channels: int) -> None:
    """Refuse a U-Net that wants what nothing here can give."""
    more = unet["in_channels"] - latent_channels
    if more not in (0, latent_channels + 1):
        made = _NOT_YET.get(more, f"for {unet['in_channels']} channels")
        raise CheckpointError(
            f"this checkpoint was made {made}, which the studio cannot do yet. Choose another one."
        )

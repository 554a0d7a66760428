"""The parts of a checkpoint whose backbone is a U-Net."""

from __future__ import annotations

from typing import Any

import torch

from studio.domain.errors import CheckpointError
from studio.domain.refs import ModelRef
from studio.families.stable_diffusion import tokenizers
from studio.families.stable_diffusion.single_file import open_single_file
from studio.weights import folders
from studio.weights.sources import Source


def open_parts(ref: ModelRef, dtype: torch.dtype) -> Source:
    """Of a folder in diffusers layout or a single file. Raises `CheckpointError`; messages that
    start with "its" lack the next step."""
    source = _folder(ref, dtype) if ref.path.is_dir() else open_single_file(ref)
    _check_task(source.parts["unet"].config, ref.family.latent_channels)
    return source


def _folder(ref: ModelRef, dtype: torch.dtype) -> Source:
    texts = ref.family.text_parts
    parts = {
        part: folders.open_part(ref.path / part, part, dtype) for part in (*texts, "vae", "unet")
    }
    found = [
        tokenizers.from_folder(ref.path / part.replace("text_encoder", "tokenizer"))
        for part in texts
    ]
    return Source(parts, tuple(found))


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

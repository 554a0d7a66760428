"""The decoder that a checkpoint may bring to show a forming picture, trained on its own latents."""

from __future__ import annotations

import torch
from torch import nn

from studio.domain.errors import CheckpointError
from studio.domain.refs import ModelRef
from studio.weights.loader import explained
from studio.weights.tensor_files import open_tensors

PREVIEW_FILE = "preview_decoder.safetensors"
"""Its name in the checkpoint's folder."""


class PreviewDecoder(nn.Module):
    """Convolutions on the latent grid, then every cell unfolds into 8 × 8 pixels: a small part of
    the VAE's work, and enough to see what is forming."""

    def __init__(self, channels: int = 4, width: int = 64, factor: int = 8) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(width, 3 * factor**2, 1),
            nn.PixelShuffle(factor),
        )

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """(B, channels, h, w) to (B, 3, 8·h, 8·w) in −1…1."""
        return self.layers(latents)


def read(ref: ModelRef) -> PreviewDecoder | None:
    """That of the checkpoint `ref`, float32, in host memory; None if there is none in its folder.
    Raises `CheckpointError` for one that is broken."""
    path = ref.path / PREVIEW_FILE
    if not path.exists():
        return None
    with explained(ref, "preview decoder"):
        file = open_tensors(path)
        weights: dict[str, torch.Tensor] = {}
        for _, tensors in file.read(file.shapes, torch.float32):
            weights |= tensors
        try:
            width, channels = weights["layers.0.weight"].shape[:2]
            decoder = PreviewDecoder(channels, width)
            decoder.load_state_dict(weights)
        except (KeyError, ValueError, RuntimeError) as error:
            raise CheckpointError(f"{PREVIEW_FILE} holds other weights than it needs") from error
    return decoder.requires_grad_(False).eval()

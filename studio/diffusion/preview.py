"""Latents to a small picture, fast enough for every step.

Where a checkpoint brings a preview decoder trained on its own latents, that one is used; else
each latent cell becomes one pixel by a linear map, fitted to the VAE of its family.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from studio.diffusion.latents import to_image

Previewer = Callable[[torch.Tensor], list[Image.Image]]
"""Denoised latents (B, C, h, w) to B small RGB pictures of the same aspect ratio."""

PREVIEW_FILE = "preview_decoder.safetensors"


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


def previewer(
    checkpoint: Path,
    factors: Sequence[Sequence[float]],
    tiny_vae: nn.Module | None = None,
) -> Previewer:
    """The best there is for the checkpoint in this folder: its own preview decoder, `tiny_vae`
    (diffusers' AutoencoderTiny, on the device of the latents), or a linear map.

    `factors` is the family's linear map: a row of (red, green, blue) for each latent channel, to
    colours in −1…1.
    """
    weights = checkpoint / PREVIEW_FILE
    if weights.exists():
        state = load_file(weights)
        width, channels = state["layers.0.weight"].shape[:2]
        decoder = PreviewDecoder(channels, width)
        decoder.load_state_dict(state)
        decoder.requires_grad_(False).eval()
        return lambda latents: [to_image(pixels) for pixels in decoder(latents.float().cpu())]
    if tiny_vae is not None:
        return lambda latents: [
            to_image(tiny_vae.decode(row.to(tiny_vae.dtype), return_dict=False)[0][0])
            for row in latents.split(1)
        ]
    matrix = torch.tensor(factors)

    def linear(latents: torch.Tensor) -> list[Image.Image]:
        colours = torch.einsum("bchw,cr->brhw", latents.float().cpu(), matrix)
        return [to_image(pixels) for pixels in colours]

    return linear


def as_jpeg(pictures: Sequence[Image.Image], profile: bytes | None = None) -> bytes:
    """One JPEG of all pictures of a batch, side by side in a grid as square as can be, with the
    ICC profile that their values are in (None: sRGB)."""
    columns = math.ceil(math.sqrt(len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    width, height = pictures[0].size
    sheet = pictures[0]
    if len(pictures) > 1:
        sheet = Image.new("RGB", (columns * width, rows * height))
        for place, picture in enumerate(pictures):
            sheet.paste(picture, (place % columns * width, place // columns * height))
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=80, icc_profile=profile)
    return buffer.getvalue()

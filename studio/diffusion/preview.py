"""Latents to a small picture, fast enough for every step.

Where a checkpoint brings a preview decoder trained on its own latents, that one is used; else
each latent cell becomes one pixel by a linear map, fitted to the VAE of its family.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence

import torch
from PIL import Image
from torch import nn

from studio.diffusion.latents import to_image

Previewer = Callable[[torch.Tensor], list[Image.Image]]
"""Denoised latents (B, C, h, w) to B small RGB pictures of the same aspect ratio."""


def previewer(
    linear_map: tuple[Sequence[Sequence[float]], Sequence[float]],
    decoder: nn.Module | None = None,
    tiny_vae: nn.Module | None = None,
) -> Previewer:
    """The best there is of a checkpoint's own preview decoder, a tiny VAE (diffusers'
    AutoencoderTiny), both on the device of the latents, and a linear map.

    `linear_map` is the family's, to colours in −1…1: a row of (red, green, blue) for each latent
    channel, and what is added to their sum.
    """
    if decoder is not None:
        return lambda latents: [to_image(pixels) for pixels in decoder(latents.float())]
    if tiny_vae is not None:
        return lambda latents: [
            to_image(tiny_vae.decode(row.to(tiny_vae.dtype), return_dict=False)[0][0])
            for row in latents.split(1)
        ]
    matrix, bias = (torch.tensor(each) for each in linear_map)

    def linear(latents: torch.Tensor) -> list[Image.Image]:
        colours = torch.einsum("bchw,cr->brhw", latents.float().cpu(), matrix)
        colours = colours + bias[:, None, None]
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

"""Latents to a small picture, fast enough for every step, and without a step that waits for it.

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

from studio.diffusion.latents import levels

Previewer = Callable[[torch.Tensor], torch.Tensor]
"""Denoised latents (B, C, h, w) to small RGB pictures of the same aspect ratio, (B, height, width,
3) uint8 on the device."""


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
        return lambda latents: levels(decoder(latents.float()))
    if tiny_vae is not None:
        return lambda latents: torch.cat(
            [
                levels(tiny_vae.decode(row.to(tiny_vae.dtype), return_dict=False)[0])
                for row in latents.split(1)
            ]
        )

    uploaded: list[torch.Tensor] = []  # once: an upload waits for the device

    def linear(latents: torch.Tensor) -> torch.Tensor:
        if not uploaded:
            uploaded.extend(torch.tensor(each, device=latents.device) for each in linear_map)
        matrix, bias = uploaded
        colours = torch.einsum("bchw,cr->brhw", latents.float(), matrix)
        return levels(colours + bias[:, None, None])

    return linear


class Frames:
    """Pictures (B, height, width, 3) uint8 on their way from the device, which nobody waits for."""

    def __init__(self, pictures: torch.Tensor) -> None:
        self._copied: torch.cuda.Event | None = None
        if pictures.device.type != "cuda":
            self._on_host = pictures.cpu()
            return
        self._on_host = torch.empty(pictures.shape, dtype=pictures.dtype, pin_memory=True)
        self._on_host.copy_(pictures, non_blocking=True)
        self._copied = torch.cuda.Event()
        self._copied.record()

    @property
    def are_here(self) -> bool:
        return self._copied is None or self._copied.query()

    def images(self) -> list[Image.Image]:
        """Waits for them."""
        if self._copied is not None:
            self._copied.synchronize()
        return [Image.fromarray(picture.numpy()) for picture in self._on_host]


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

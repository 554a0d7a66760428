"""Seeds to noise, pictures to latents and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from studio.diffusion.interruption import interruptible
from studio.domain.seamless import TilingName, across, down


def generators(seeds: Sequence[int]) -> list[torch.Generator]:
    """One generator a picture, on the CPU, so that a seed means the same on every device."""
    return [torch.Generator("cpu").manual_seed(seed) for seed in seeds]


def further_seeds(sources: Sequence[torch.Generator]) -> list[int]:
    """One more seed a picture, drawn from its own generator."""
    return [int(torch.randint(2**53, (), generator=source)) for source in sources]


def initial_noise(
    sources: Sequence[torch.Generator], channels: int, height: int, width: int
) -> torch.Tensor:
    """(B, channels, height, width) float32 on the CPU; each row from its own generator, so that
    picture k of a batch is the single picture with seed + k. Height and width in latent cells."""
    shape = (1, channels, height, width)
    return torch.cat([torch.randn(shape, generator=source) for source in sources])


class Overflow(ArithmeticError):
    """The VAE's numbers have left the range of its number format; there is no picture."""


def encode(vae: torch.nn.Module, pixels: torch.Tensor) -> torch.Tensor:
    """Pictures (B, 3, height, width) in −1…1, sides multiples of 8, to latents (B, C, h, w) float32
    on the VAE's device.

    The mean of what the encoder finds likely is taken, not a sample: the same request must give the
    same picture. One at a time, as in `decode`. Raises `Overflow`.
    """
    rows = [_encoded(vae, row) for row in pixels.split(1)]
    return torch.cat(rows)


def _encoded(vae: torch.nn.Module, pixels: torch.Tensor) -> torch.Tensor:
    pixels = pixels.to(vae.device, vae.dtype)
    with interruptible(vae, pixels):
        latents = vae.encode(pixels).latent_dist.mode().float()
    if not torch.isfinite(latents).all():
        raise Overflow
    if vae.config.shift_factor:
        latents = latents - vae.config.shift_factor
    return latents * vae.config.scaling_factor


def resized(latents: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Latents (B, C, h, w) stretched to (B, C, height, width), in cells."""
    return functional.interpolate(latents, (height, width), mode="bilinear")


_UPSCALERS = {
    "Latent": "bilinear",
    "Latent (bicubic)": "bicubic",
    "Latent (nearest-exact)": "nearest-exact",
}


def upscaled(
    latents: torch.Tensor, upscaler: str, height: int, width: int, tiling: TilingName = "none"
) -> torch.Tensor:
    """Latents (B, C, h, w) as (B, C, height, width), in cells, by one of
    `stages.LATENT_UPSCALERS`; of another shape the middle. Beyond the borders of `tiling` lies the
    other side."""
    rows, columns = 3 if down(tiling) else 1, 3 if across(tiling) else 1
    if rows * columns > 1:  # itself on each side, so that each border has its neighbour
        whole = upscaled(
            latents.repeat(1, 1, rows, columns), upscaler, height * rows, width * columns
        )
        top, left = height * (rows // 2), width * (columns // 2)
        return whole[:, :, top : top + height, left : left + width]
    scale = max(height / latents.shape[2], width / latents.shape[3])
    cover = (
        max(height, round(latents.shape[2] * scale)),
        max(width, round(latents.shape[3] * scale)),
    )
    larger = functional.interpolate(latents, cover, mode=_UPSCALERS[upscaler])
    top, left = (cover[0] - height) // 2, (cover[1] - width) // 2
    return larger[:, :, top : top + height, left : left + width]


def to_pixels(image: Image.Image) -> torch.Tensor:
    """An RGB picture as (1, 3, height, width) float32 in −1…1."""
    levels = torch.from_numpy(np.asarray(image, np.float32)).permute(2, 0, 1)
    return (levels / 127.5 - 1)[None].contiguous()


def decode(vae: torch.nn.Module, latents: torch.Tensor) -> list[Image.Image]:
    """Latents (B, C, h, w) to B RGB pictures of (8·w, 8·h) pixels.

    One picture at a time: the decoder needs by far the most memory of a run. Raises `Overflow`.
    """
    return [_picture(vae, row) for row in latents.split(1)]


def _picture(vae: torch.nn.Module, latents: torch.Tensor) -> Image.Image:
    scaled = latents / vae.config.scaling_factor
    if vae.config.shift_factor:
        scaled = scaled + vae.config.shift_factor
    scaled = scaled.to(vae.dtype)
    with interruptible(vae, scaled):
        pixels = vae.decode(scaled, return_dict=False)[0][0]
    if not torch.isfinite(pixels).all():
        raise Overflow
    return to_image(pixels)


def to_image(pixels: torch.Tensor) -> Image.Image:
    """(3, height, width) in −1…1 to RGB."""
    return Image.fromarray(levels(pixels).cpu().numpy())


def levels(pixels: torch.Tensor) -> torch.Tensor:
    """(…, 3, height, width) in −1…1 to (…, height, width, 3), rounded to the nearest of 256."""
    values = (pixels.float() * 127.5 + 127.5).round_().clamp_(0, 255).to(torch.uint8)
    return values.movedim(-3, -1).contiguous()

"""Seeds to noise, latents to pictures."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image


def generators(seeds: Sequence[int]) -> list[torch.Generator]:
    """One generator a picture, on the CPU, so that a seed means the same on every device."""
    return [torch.Generator("cpu").manual_seed(seed) for seed in seeds]


def initial_noise(
    sources: Sequence[torch.Generator], channels: int, height: int, width: int
) -> torch.Tensor:
    """(B, channels, height, width) float32 on the CPU; each row from its own generator, so that
    picture k of a batch is the single picture with seed + k. Height and width in latent cells."""
    shape = (1, channels, height, width)
    return torch.cat([torch.randn(shape, generator=source) for source in sources])


class Overflow(ArithmeticError):
    """The VAE's numbers have left the range of its number format; there is no picture."""


def decode(vae: torch.nn.Module, latents: torch.Tensor) -> list[Image.Image]:
    """Latents (B, C, h, w) to B RGB pictures of (8·w, 8·h) pixels.

    One picture at a time: the decoder needs by far the most memory of a run. Raises `Overflow`.
    """
    return [_picture(vae, row) for row in latents.split(1)]


def _picture(vae: torch.nn.Module, latents: torch.Tensor) -> Image.Image:
    scaled = (latents / vae.config.scaling_factor).to(vae.dtype)
    pixels = vae.decode(scaled, return_dict=False)[0][0]
    if not torch.isfinite(pixels).all():
        raise Overflow
    return to_image(pixels)


def to_image(pixels: torch.Tensor) -> Image.Image:
    """(3, height, width) in −1…1 to RGB, rounded to the nearest of 256 levels."""
    levels = (pixels.float() * 127.5 + 127.5).round_().clamp_(0, 255).to(torch.uint8)
    return Image.fromarray(levels.permute(1, 2, 0).contiguous().cpu().numpy())

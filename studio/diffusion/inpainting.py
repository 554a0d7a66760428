"""Repainting a part of a picture: what is kept, what is shown to U-Nets made for it, and what lies
under the mask to begin with.

A mask is a grayscale picture of the size in pixels, white (255) = repaint. As a tensor it is
(1, 1, h, w) float32 in latent cells, 1 = repaint.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from studio.diffusion.latents import to_pixels
from studio.diffusion.scheduler import Level
from studio.domain.geometry import CELL

HALF = 128
"""From this level on a pixel counts as covered, where only yes or no is known."""
_JUST_ABOVE_0 = 1 / 512
"""Below the faintest gray of a mask."""


class HardBlend:
    """What is not covered is the given picture at each step's noise level, as in diffusers'
    inpaint pipeline for ordinary U-Nets; see `denoise.Blend`.

    clean (B, C, h, w), noise (B, C, h, w), mask (1, 1, h, w) of zeros and ones, on one device.
    """

    def __init__(self, clean: torch.Tensor, noise: torch.Tensor, mask: torch.Tensor) -> None:
        self._mask = mask
        self._clean = (1 - mask) * clean
        self._noise = (1 - mask) * noise

    def __call__(self, latents: torch.Tensor, level: Level) -> torch.Tensor:
        sigma = level.sigma
        kept = self._clean * level.signal
        if not isinstance(sigma, float) or sigma:
            kept = kept + self._noise * sigma
        return kept + latents * self._mask


class SoftBlend:
    """Differential diffusion (arXiv:2306.00950, algorithm 1): a cell whose mask is `g` is the given
    picture until the share 1 − g of the steps is done, and is let go then. So it changes as it
    would in a run of its own whose strength is g times that of this run.

    clean, noise as above; mask (1, 1, h, w), 0 to 1.
    """

    def __init__(self, clean: torch.Tensor, noise: torch.Tensor, mask: torch.Tensor) -> None:
        self._clean, self._noise, self._mask = clean, noise, mask

    def __call__(self, latents: torch.Tensor, level: Level) -> torch.Tensor:
        threshold = 1 - level.progress
        if isinstance(threshold, float):
            threshold = max(threshold, _JUST_ABOVE_0)
        else:
            threshold = threshold.clamp(min=_JUST_ABOVE_0)
        kept = self._clean * level.signal + self._noise * level.sigma
        return torch.where(self._mask < threshold, kept, latents)


def covered(mask: Image.Image) -> torch.Tensor:
    """Zeros and ones: a cell with any pixel that is more white than black is repainted.

    diffusers looks at one pixel of each cell, and misses thin masks. For masks whose edges lie on
    cells both are the same.
    """
    return functional.max_pool2d((_grays(mask) >= HALF).float(), CELL)


def amounts(mask: Image.Image) -> torch.Tensor:
    """The mean gray of each cell, 0 to 1."""
    return functional.avg_pool2d(_grays(mask) / 255, CELL)


def _grays(mask: Image.Image) -> torch.Tensor:
    """(1, 1, height, width), 0 to 255."""
    return torch.from_numpy(np.asarray(mask, np.float32))[None, None]


def content(
    kind: str, clean: torch.Tensor, mask: torch.Tensor, generators: Sequence[torch.Generator]
) -> torch.Tensor:
    """`clean` with what "latent_noise" or "latent_nothing" puts under the mask; as it is for other
    kinds. The noise comes from each row's own generator."""
    if kind == "latent_noise":
        shape = (1, *clean.shape[1:])
        fresh = torch.cat([torch.randn(shape, generator=source) for source in generators])
        return torch.lerp(clean, fresh.to(clean), mask)
    if kind == "latent_nothing":
        return clean * (1 - mask)
    return clean


def masked_pixels(image: Image.Image, mask: Image.Image) -> torch.Tensor:
    """(1, 3, height, width) in −1…1: the picture with gray wherever it is covered, as U-Nets made
    for inpainting were trained to see it."""
    return to_pixels(image) * (_grays(mask) < HALF)


def gray_pixels(height: int, width: int) -> torch.Tensor:
    """(1, 3, height, width) in −1…1: what they see of a picture that is all new."""
    return torch.zeros(1, 3, height, width)


def extra_channels(mask: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
    """The channels of such a U-Net beside the latents, (B, 1 + C, h, w): the mask, and `kept`
    (B, C, h, w), the latents of `masked_pixels` or `gray_pixels`."""
    rows = mask.to(kept).expand(len(kept), 1, *kept.shape[2:])
    return torch.cat([rows, kept], dim=1)

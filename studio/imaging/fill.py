"""Holes filled with the colours of their rim."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

from studio.imaging.blending import blended

MOST_PIXELS = 1_000_000
"""The smear is computed at no more pixels than this: it is smooth, finer would look the same."""


def smeared(image: Image.Image, mask: Image.Image) -> Image.Image:
    """`image` (RGB) with the colours around `mask` (L, same size) smeared over what it covers.

    What lies near the rim has its colours, what lies further in the mean of a wider and wider part
    of the rim (a pyramid of blurs, filled from coarse to fine: Gortler et al., "The Lumigraph",
    1996, "push-pull"). Gray parts of the mask blend; where it is 0 the bytes stay.
    """
    if mask.getbbox() is None:
        return image
    known = 255 - np.asarray(mask)
    colours = _pulled(*_pyramid_base(np.asarray(image), known))
    width, height = image.size
    smear = cv2.resize(colours, (width, height), interpolation=cv2.INTER_CUBIC)
    return blended(image, Image.fromarray(smear), mask)


def _pyramid_base(pixels: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(colours × weight, weight) as float32, reduced to at most `MOST_PIXELS`."""
    height, width = known.shape
    scale = min(1.0, (MOST_PIXELS / (width * height)) ** 0.5)
    weighted = cv2.multiply(pixels, cv2.merge([known] * 3), scale=1 / 255)
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        weighted = cv2.resize(weighted, size, interpolation=cv2.INTER_AREA)
        known = cv2.resize(known, size, interpolation=cv2.INTER_AREA)
    return weighted.astype(np.float32), known.astype(np.float32) / 255


def _pulled(weighted: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """uint8 (height, width, 3): known colours as they are, the others from coarser levels."""
    levels = [(weighted, weight)]
    while max(levels[-1][1].shape) > 1:
        levels.append((cv2.pyrDown(levels[-1][0]), cv2.pyrDown(levels[-1][1])))
    top, share = levels[-1]
    if float(share.max()) <= 0:  # nothing is known at all
        return np.full(weighted.shape, 127, np.uint8)
    colours = top / np.maximum(share, 1e-6)[..., None]
    for weighted, weight in reversed(levels[:-1]):
        height, width = weight.shape
        coarse = cv2.pyrUp(colours)[:height, :width]
        # A level is trusted as soon as a part of a pixel is known: the colour of the rim itself.
        trust = np.minimum(1.0, weight * 4)
        own = weighted / np.maximum(weight, 1e-6)[..., None]
        colours = coarse + (own - coarse) * trust[..., None]
    return np.clip(np.rint(colours), 0, 255).astype(np.uint8)

"""Colour correction: a drawing gets the colours of the picture it began with."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

_LEAST_KNOWN = 256
"""Fewer unmasked pixels than these say nothing about colours."""
_SAMPLES = 200_003
"""About so many pixels are sorted to know how colours are distributed."""


def corrected(
    drawn: Image.Image, reference: Image.Image, mask: Image.Image | None = None
) -> Image.Image:
    """`drawn` with the colours of `reference` (RGB, same size) and its own light and dark.

    Without a mask the distributions of the two colour axes of CIE Lab are matched, value by value;
    lightness stays as drawn. With a mask (L, white = repainted) the shift is measured where it is
    black, on pixels that should be equal in both, and what was taken away is a cast: new things
    keep the colours they were asked to have.
    """
    ours, theirs = _lab(drawn), _lab(reference)
    known = None if mask is None else cv2.compare(np.asarray(mask), 0, cv2.CMP_EQ)
    if known is not None and cv2.countNonZero(known) >= _LEAST_KNOWN:
        cast = np.subtract(cv2.mean(theirs, known), cv2.mean(ours, known))
        ours += np.array([0, *cast[1:3]], np.float32)
    else:
        for axis in (1, 2):
            ours[..., axis] = _matched(ours[..., axis], theirs[..., axis])
    rgb = cv2.cvtColor(ours, cv2.COLOR_Lab2RGB)
    return Image.fromarray(np.clip(np.rint(rgb * 255), 0, 255).astype(np.uint8))


def _lab(image: Image.Image) -> np.ndarray:
    """CIE Lab, float32 (height, width, 3): L 0…100, a and b around ±127."""
    return cv2.cvtColor(np.asarray(image, np.float32) / 255, cv2.COLOR_RGB2Lab)


def _matched(values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """`values` moved monotonously so that they are distributed as `wanted` is."""
    shares, apart = np.linspace(0, 100, 513), max(1, values.size // _SAMPLES)
    have = np.percentile(values.reshape(-1)[::apart], shares)
    goal = np.percentile(wanted.reshape(-1)[::apart], shares)
    have += np.arange(len(have)) * 1e-6  # strictly rising, for interpolation
    return np.interp(values, have, goal).astype(np.float32)

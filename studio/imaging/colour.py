"""Colour correction: a drawing gets the colours of the picture it began with."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

_LEAST_KEPT = 256
"""Fewer unmasked pixels than these say nothing about colours."""
_SAMPLES = 200_003
"""About so many pixels are sorted to know how colours are distributed."""
_FINE = 16
"""Steps of the correction per unit of a and b, which is finer than 8 bits of RGB."""


def corrected(
    drawn: Image.Image, reference: Image.Image, mask: Image.Image | None = None
) -> Image.Image:
    """`drawn` with the colours of `reference` (RGB, same size) and its own light and dark.

    Without a mask the distributions of the two colour axes of CIE Lab are matched, value by value;
    lightness stays as drawn. With a mask (L, white = repainted) the shift is measured where it is
    black, on pixels that should be equal in both, and what was taken away is a cast: new things
    keep the colours they were asked to have.
    """
    lightness, *ours = _lab(drawn)
    theirs = _lab(reference)[1:]
    kept = None if mask is None else cv2.compare(np.asarray(mask), 0, cv2.CMP_EQ)
    if kept is not None and cv2.countNonZero(kept) >= _LEAST_KEPT:
        ours = [have + _cast(have, goal, kept) for have, goal in zip(ours, theirs, strict=True)]
    else:
        ours = [_matched(have, goal) for have, goal in zip(ours, theirs, strict=True)]
    rgb = cv2.cvtColor(cv2.merge([lightness, *ours]), cv2.COLOR_Lab2RGB)
    return Image.fromarray(cv2.convertScaleAbs(cv2.max(rgb, 0), alpha=255))


def _lab(image: Image.Image) -> tuple[np.ndarray, ...]:
    """CIE Lab, three float32 (height, width): L 0…100, a and b around ±127."""
    values = cv2.multiply(np.asarray(image), 1 / 255, dtype=cv2.CV_32F)
    return cv2.split(cv2.cvtColor(values, cv2.COLOR_RGB2Lab))


def _cast(have: np.ndarray, goal: np.ndarray, kept: np.ndarray) -> float:
    return cv2.mean(goal, kept)[0] - cv2.mean(have, kept)[0]


def _matched(values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """`values` moved monotonously so that they are distributed as `wanted` is."""
    shares, apart = np.linspace(0, 100, 513), max(1, values.size // _SAMPLES)
    have = np.percentile(values.reshape(-1)[::apart], shares)
    goal = np.percentile(wanted.reshape(-1)[::apart], shares)
    have += np.arange(len(have)) * 1e-6  # strictly rising, for interpolation
    grid = np.arange(256 * _FINE) / _FINE - 128
    shift = np.interp(grid, have, goal - have).astype(np.float32)
    cells = cv2.add(cv2.multiply(values, _FINE), 128 * _FINE).astype(np.uint16)
    return values + shift[np.minimum(cells, len(shift) - 1)]

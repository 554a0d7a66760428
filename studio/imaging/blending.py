"""Two pictures blended through a mask, exactly: where the mask is 0, the bytes are the first's."""

from __future__ import annotations

import numpy as np
from PIL import Image

_ROWS = 256
"""Rows blended at once, so that what is in between stays in the processor's cache."""


def blended(below: Image.Image, above: Image.Image, mask: Image.Image) -> Image.Image:
    """`above` over `below` (RGB, same size) through `mask` (L): (255 − m)·below + m·above over 255,
    rounded, in whole numbers: at 0 exactly `below`, at 255 exactly `above`."""
    under, over, share = np.asarray(below), np.asarray(above), np.asarray(mask)
    if not under.shape[:2] == over.shape[:2] == share.shape:
        raise ValueError(f"sizes differ: {below.size}, {above.size}, {mask.size}")
    result = under.copy()
    for start in range(0, len(share), _ROWS):
        rows = slice(start, start + _ROWS)
        _blend_into(result[rows], over[rows], share[rows])
    return Image.fromarray(result)


def _blend_into(under: np.ndarray, over: np.ndarray, share: np.ndarray) -> None:
    if not share.any():
        return
    if share.min() == 255:
        under[:] = over
        return
    m = share[..., None].astype(np.uint16)
    total = under * (255 - m)  # at most 65025 with the next line: fits 16 bits, rounding included
    total += over * m
    total += 128
    total += total >> 8
    under[:] = total >> 8  # the exact rounded division by 255 of 16-bit numbers

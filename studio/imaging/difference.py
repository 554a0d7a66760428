"""How two pictures differ: as one number for the promise, in figures, and to look at."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageChops

from studio.domain.geometry import Box

_FAINTEST = 90
"""Where on the colour ramp (0 to 255) the least change lies: below, it is as dark as the ground."""
_DIM = 0.35
"""How bright the unchanged picture is left."""
_AT_ONCE = 2**20
"""Pixels that are compared at once."""


@dataclass(frozen=True)
class Figures:
    """How much two pictures of `pixels` pixels differ: `changed` of them do, in any channel, by
    `largest` at most, 0 to 255; `psnr_db` over all channels, None where nothing differs."""

    pixels: int
    changed: int
    largest: int
    psnr_db: float | None


def figures(before: Image.Image, after: Image.Image) -> Figures:
    """Of two RGB pictures. Raises ValueError for unlike sizes."""
    if before.size != after.size:
        raise ValueError(f"sizes differ: {before.size}, {after.size}")
    pixels, changed, largest, squares = math.prod(before.size), 0, 0, 0
    rows = max(1, _AT_ONCE // before.width)
    for top in range(0, before.height, rows):
        box = (0, top, before.width, min(top + rows, before.height))
        change = cv2.absdiff(np.asarray(before.crop(box)), np.asarray(after.crop(box)))
        worst = change.max(axis=2)
        changed += int(np.count_nonzero(worst))
        largest = max(largest, int(worst.max()))
        squares += int(np.square(change, dtype=np.uint16).sum(dtype=np.uint64))
    mean = squares / (3 * pixels)
    return Figures(pixels, changed, largest, 10 * math.log10(255**2 / mean) if mean else None)


def max_outside(before: Image.Image, after: Image.Image, mask: Image.Image) -> int:
    """The largest difference of a channel, 0 to 255, over all pixels where `mask` (L) is 0.

    0 is the promise kept. Raises ValueError where the three differ in size.
    """
    if not before.size == after.size == mask.size:
        raise ValueError(f"sizes differ: {before.size}, {after.size}, {mask.size}")
    outside = mask.point([255] + [0] * 255)
    counts = np.array(ImageChops.difference(before, after).histogram(outside)).reshape(3, 256)
    levels = np.flatnonzero(counts.any(axis=0))
    return int(levels[-1]) if len(levels) else 0


def changed_box(before: Image.Image, after: Image.Image) -> Box | None:
    """Around all pixels that differ; None where none does. Raises ValueError for unlike sizes."""
    if before.size != after.size:
        raise ValueError(f"sizes differ: {before.size}, {after.size}")
    box = ImageChops.difference(before, after).getbbox()
    return box and Box(*box)


def heat_map(before: Image.Image, after: Image.Image) -> Image.Image:
    """RGB: `before` dim and gray, and where a pixel changed, how much: from violet through red to
    bright yellow. A change of one step in 255 can be seen. Raises ValueError for unlike sizes."""
    if before.size != after.size:
        raise ValueError(f"sizes differ: {before.size}, {after.size}")
    red, green, blue = cv2.split(cv2.absdiff(np.asarray(before), np.asarray(after)))
    change = cv2.max(cv2.max(red, green), blue)
    levels = np.arange(256) / 255
    ramp = np.rint(_FAINTEST + (255 - _FAINTEST) * np.sqrt(levels)).astype(np.uint8)
    colours = cv2.applyColorMap(cv2.LUT(change, ramp), cv2.COLORMAP_INFERNO)
    dim = cv2.convertScaleAbs(np.asarray(before.convert("L")), alpha=_DIM)
    result = cv2.merge([dim] * 3)
    cv2.copyTo(cv2.cvtColor(colours, cv2.COLOR_BGR2RGB), change, result)
    return Image.fromarray(result)

"""Pictures that are almost the same, found by what they look like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

_SIDE, _LOW, _TINY = 32, 8, 8
_MOST_BITS, _MOST_LEVELS = 10, 6.0
"""So many of 64 bits of the hash may differ, and the colours by so many of 255 on average."""


@dataclass(frozen=True, eq=False)
class Thumb:
    """The signs of a picture's lowest 64 frequencies, the first aside, as one number (pHash), and
    its colours as float (8 · 8 · 3), 0 to 255."""

    hash: int
    colours: np.ndarray


def thumb(image: Image.Image) -> Thumb:
    """Of an RGB picture."""
    from scipy.fft import dctn  # a quarter of a second, which the studio's start need not wait for

    grey = np.asarray(image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX), np.float32)
    low = dctn(grey, norm="ortho")[:_LOW, :_LOW].flatten()
    bits = low > np.median(low[1:])
    bits[0] = False
    tiny = np.asarray(image.resize((_TINY, _TINY), Image.Resampling.BOX), np.float32)
    return Thumb(int.from_bytes(np.packbits(bits).tobytes(), "big"), tiny.flatten())


def like(one: Thumb, hashes: np.ndarray, colours: Sequence[np.ndarray]) -> list[int]:
    """The places of those that are almost the same as `one`, of others with these hashes (uint64)
    and colours."""
    near = np.bitwise_count(hashes ^ np.uint64(one.hash)) <= _MOST_BITS
    return [
        int(place)
        for place in np.flatnonzero(near)
        if np.abs(colours[place] - one.colours).mean() <= _MOST_LEVELS
    ]


def pairs(thumbs: list[Thumb]) -> list[tuple[int, int]]:
    """The places of those that are almost the same, the first before the second."""
    hashes = np.array([each.hash for each in thumbs], np.uint64)
    colours = [each.colours for each in thumbs]
    return [
        (place, place + 1 + other)
        for place, one in enumerate(thumbs)
        for other in like(one, hashes[place + 1 :], colours[place + 1 :])
    ]

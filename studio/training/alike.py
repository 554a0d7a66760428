"""Pictures that are almost the same, found by what they look like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.fft import dctn

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
    grey = np.asarray(image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX), np.float32)
    low = dctn(grey, norm="ortho")[:_LOW, :_LOW].flatten()
    bits = low > np.median(low[1:])
    bits[0] = False
    tiny = np.asarray(image.resize((_TINY, _TINY), Image.Resampling.BOX), np.float32)
    return Thumb(int.from_bytes(np.packbits(bits).tobytes(), "big"), tiny.flatten())


def pairs(thumbs: list[Thumb]) -> list[tuple[int, int]]:
    """The places of those that are almost the same, the first before the second."""
    if not thumbs:
        return []
    hashes = np.array([each.hash for each in thumbs], np.uint64)
    colours = np.stack([each.colours for each in thumbs])
    found = []
    for place in range(len(thumbs) - 1):
        near = np.bitwise_count(hashes[place + 1 :] ^ hashes[place]) <= _MOST_BITS
        others = place + 1 + np.flatnonzero(near)
        apart = np.abs(colours[others] - colours[place]).mean(1)
        found += [(place, int(other)) for other in others[apart <= _MOST_LEVELS]]
    return found

"""What a picture looks like, as 63 bits that change little with size, format and brightness."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

BITS = 63
_SIDE, _KEPT = 32, 8
_LEAST_SPREAD = 2.0
"""Of the coefficients: of a flat picture nothing can be told."""


def fingerprint(image: Image.Image) -> int | None:
    """The signs of the lowest coefficients of its cosine transform, against their median, as in
    Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions (2010); None for a
    picture that shows nothing."""
    gray = np.asarray(image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX), np.float32)
    lowest = cv2.dct(gray)[:_KEPT, :_KEPT].ravel()[1:]
    if lowest.std() < _LEAST_SPREAD:
        return None
    bits = lowest > np.median(lowest)
    return int("".join("1" if bit else "0" for bit in bits), 2)

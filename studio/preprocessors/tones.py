"""Maps of colours and tones that need no weights.

Pixels are uint8, RGB (height, width, 3); maps the same, or (height, width) where they are gray.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import cv2
import numpy as np

Settings = Mapping[str, float]

_FINE_ENOUGH = 8.0
"""The least sigma, in pixels, that a blur keeps on a smaller picture."""
_WARP_CELL = 256
"""Pixels from one random number of the warp to the next."""


def tile_resample(pixels: np.ndarray, settings: Settings) -> np.ndarray:
    """The picture made smaller by the mean of areas and larger again: coarse colours stay, detail
    goes."""
    rate = settings["down_sampling"]
    height, width = pixels.shape[:2]
    small = max(1, round(width / rate)), max(1, round(height / rate))
    if small == (width, height):
        return pixels
    less = cv2.resize(pixels, small, interpolation=cv2.INTER_AREA)
    return cv2.resize(less, (width, height), interpolation=cv2.INTER_CUBIC)


def blur_gaussian(pixels: np.ndarray, settings: Settings) -> np.ndarray:
    """Wide blurs are made of a smaller picture, which takes a tenth of the time and differs by less
    than one level on average."""
    sigma = settings["sigma"]
    if sigma < 2 * _FINE_ENOUGH:
        return cv2.GaussianBlur(pixels, (0, 0), sigma)
    factor = 2 ** int(math.log2(sigma / _FINE_ENOUGH))
    height, width = pixels.shape[:2]
    small = max(1, round(width / factor)), max(1, round(height / factor))
    less = cv2.resize(pixels, small, interpolation=cv2.INTER_AREA).astype(np.float32)
    # The mean over factor × factor pixels was a blur already, of this variance.
    rest = math.sqrt(sigma**2 - (factor**2 - 1) / 12) / factor
    wide = cv2.resize(
        cv2.GaussianBlur(less, (0, 0), rest), (width, height), interpolation=cv2.INTER_CUBIC
    )
    return wide.round().clip(0, 255).astype(np.uint8)


def recolor_luminance(pixels: np.ndarray, settings: Settings) -> np.ndarray:
    """L of CIE Lab, to the power of gamma."""
    return _bent(cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)[..., 0], settings["gamma"])


def recolor_intensity(pixels: np.ndarray, settings: Settings) -> np.ndarray:
    """V of HSV, to the power of gamma."""
    return _bent(pixels.max(axis=2), settings["gamma"])


def shuffle(pixels: np.ndarray, settings: Settings) -> np.ndarray:
    """Each pixel taken from elsewhere, along two smooth random fields of the seed (the shuffle of
    ControlNet 1.1): all colours of the picture, none of its shapes."""
    height, width = pixels.shape[:2]
    random = np.random.default_rng(int(settings["seed"]))
    across = _smooth_noise(random, width, height) * (width - 1)
    down = _smooth_noise(random, width, height) * (height - 1)
    return cv2.remap(pixels, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _smooth_noise(random: np.random.Generator, width: int, height: int) -> np.ndarray:
    """float32 (height, width) from 0 to 1, both reached."""
    # Two cells more on each side: near the rim of the grid the interpolation would be flat.
    cells = random.random((height // _WARP_CELL + 5, width // _WARP_CELL + 5), dtype=np.float32)
    # Curved between the cells on a grid of an eighth, from there on straight: as smooth to the eye.
    step = _WARP_CELL // 8
    curved = cv2.resize(cells, None, fx=step, fy=step, interpolation=cv2.INTER_CUBIC)
    rows, columns = (max(2, math.ceil(side / 8)) for side in (height, width))
    curved = curved[2 * step : 2 * step + rows, 2 * step : 2 * step + columns]
    field = cv2.resize(curved, (width, height), interpolation=cv2.INTER_LINEAR)
    field -= field.min()
    return field / max(float(field.max()), 1e-6)


def _bent(gray: np.ndarray, gamma: float) -> np.ndarray:
    levels = np.linspace(0, 1, 256) ** gamma * 255
    return levels.round().astype(np.uint8)[gray]

"""Maps of lines that need no weights.

Pixels are uint8, RGB (height, width, 3); maps are (height, width), white lines on black.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

Settings = Mapping[str, float]

_BLACK = 16
_STROKE = 64
"""Levels by which a stroke differs from its paper, in at least one channel."""
_FINE_SIGMA, _WIDE_SIGMA = 0.5, 5.0
_LINE_LEVEL, _LEAST_SCALE = 127, 16


def canny(pixels: np.ndarray, settings: Settings) -> np.ndarray:
    """OpenCV's edges, nothing added (Canny, "A computational approach to edge detection", 1986)."""
    return cv2.Canny(pixels, settings["low_threshold"], settings["high_threshold"])


def scribble(pixels: np.ndarray, settings: Settings) -> np.ndarray:
    """Strokes of any colour on paper of any colour, which is what most of the drawing shows: white
    where a pixel differs from it. A drawing on black paper stays as it is, but for its colours."""
    paper = np.median(pixels.reshape(-1, 3), axis=0).astype(np.int16)
    if paper.max() <= _BLACK:
        return pixels.max(axis=2)
    return _white(np.abs(pixels - paper).max(axis=2) >= _STROKE)


def scribble_xdog(pixels: np.ndarray, settings: Settings) -> np.ndarray:
    """White where the picture is darker than its surroundings: the difference of a wide and a
    narrow blur, cut at a threshold (Winnemöller, Kyprianidis and Olsen, "XDoG", 2012)."""
    values = pixels.astype(np.float32)
    fine = cv2.GaussianBlur(values, (0, 0), _FINE_SIGMA)
    wide = cv2.GaussianBlur(values, (0, 0), _WIDE_SIGMA)
    darker = (wide - fine).min(axis=2).clip(0, 255)
    return _white(2 * darker > settings["threshold"])


def lineart_standard(pixels: np.ndarray, settings: Settings) -> np.ndarray:
    """How much darker each pixel is than its surroundings, in the channel where it is least; scaled
    so that the median of the lines is half white."""
    values = pixels.astype(np.float32)
    around = cv2.GaussianBlur(values, (0, 0), settings["sigma"])
    darker = (around - values).min(axis=2).clip(0, 255)
    marks = darker[darker > settings["intensity_threshold"]]
    scale = max(_LEAST_SCALE, float(np.median(marks)) if marks.size else 0.0)
    return (darker / scale * _LINE_LEVEL).clip(0, 255).astype(np.uint8)


def threshold(pixels: np.ndarray, settings: Settings) -> np.ndarray:
    """White where all three channels are above the threshold."""
    return _white(pixels.min(axis=2) > settings["threshold"])


def invert(pixels: np.ndarray, settings: Settings) -> np.ndarray:
    """The negative (height, width, 3): dark lines on white become white lines on black."""
    return 255 - pixels


def _white(where: np.ndarray) -> np.ndarray:
    return where.astype(np.uint8) * 255

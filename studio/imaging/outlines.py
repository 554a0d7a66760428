"""The outline of what a mask covers, as polygons."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

Polygon = tuple[tuple[int, int], ...]
"""Corners (x, y) in pixels."""
_TOLERANCE = 0.75
"""Pixels that a polygon may be off."""


def polygons(mask: np.ndarray) -> list[Polygon]:
    """One around each piece of `mask`, (height, width), of at least three corners; the largest
    first. Holes are filled. Corners lie on pixels' outer edges, so that the area is theirs."""
    # Each pixel as 2 × 2, so that the far edges are seen as well.
    doubled = np.kron(mask.astype(np.uint8), np.ones((2, 2), np.uint8))
    found, _ = cv2.findContours(doubled, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    height, width = mask.shape
    outlines = []
    for contour in sorted(found, key=cv2.contourArea, reverse=True):
        corners = cv2.approxPolyDP(contour, 2 * _TOLERANCE, True)[:, 0]
        points = np.clip((corners + 1) // 2, 0, (width, height))
        if len(points) >= 3:
            outlines.append(tuple((int(x), int(y)) for x, y in points))
    return outlines


def area(polygon: Sequence[Sequence[float]]) -> float:
    """Of a polygon, in square pixels."""
    x, y = np.asarray(polygon, float).T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)

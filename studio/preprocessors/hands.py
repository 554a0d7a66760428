"""Hands of people as OpenPose's ControlNets were shown them.

controlnet_aux draws bodies and faces; for hands it would need Matplotlib.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np

FINGERS = tuple((0, *range(1 + 4 * finger, 5 + 4 * finger)) for finger in range(5))
"""The key points along each finger, from the wrist (0) to its tip."""
BONES = tuple(pair for finger in FINGERS for pair in zip(finger, finger[1:], strict=False))
_JOINT = (0, 0, 255)
_BONE_WIDTH, _JOINT_RADIUS = 2, 4


class KeyPoint(Protocol):
    """From 0 to 1 across and down the picture; below 0 it was not found."""

    x: float
    y: float


def draw_hand(canvas: np.ndarray, points: Sequence[KeyPoint] | None) -> None:
    """Draw the 21 `points` of a hand onto `canvas`, RGB uint8 (height, width, 3); None: nothing.

    Bones go through the colours of the rainbow, joints are blue.
    """
    height, width = canvas.shape[:2]
    places = [(int(point.x * width), int(point.y * height)) for point in points or ()]
    for number, (begin, end) in enumerate(BONES if places else ()):
        if _is_detected(places[begin]) and _is_detected(places[end]):
            colour = colorsys.hsv_to_rgb(number / len(BONES), 1, 1)
            rgb = tuple(255 * channel for channel in colour)
            cv2.line(canvas, places[begin], places[end], rgb, _BONE_WIDTH)
    for place in places:
        if _is_detected(place):
            cv2.circle(canvas, place, _JOINT_RADIUS, _JOINT, cv2.FILLED)


def _is_detected(place: tuple[int, int]) -> bool:
    return min(place) > 0

"""Of boxes that are about the same thing the surest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from studio.domain.detailers import Found
from studio.domain.geometry import Box, Size

_SAME = 0.45
"""Boxes of one class that share more of what both cover are about one thing."""
MOST = 1000
"""Of the boxes found the surest are looked at."""


def kept(corners: np.ndarray, scores: np.ndarray, classes: np.ndarray) -> list[int]:
    """The places of those to keep, the surest first: non-maximum suppression within each class.
    corners float (n, 4): left, top, right, bottom."""
    order = scores.argsort(kind="stable")[::-1][:MOST]
    corners, classes = corners[order], classes[order]
    areas = (corners[:, 2:] - corners[:, :2]).clip(0).prod(1)
    left, chosen = np.ones(len(order), bool), []
    for place, index in enumerate(order):
        if not left[place]:
            continue
        chosen.append(int(index))
        start = np.maximum(corners[place, :2], corners[:, :2])
        end = np.minimum(corners[place, 2:], corners[:, 2:])
        shared = (end - start).clip(0).prod(1)
        union = areas[place] + areas - shared
        same = (shared > _SAME * union) & (classes == classes[place])
        left &= ~same
    return chosen


def box_of(corners: Sequence[float], size: Size) -> Box | None:
    """Whole pixels within a picture of `size`; None where there are none."""
    left, top = (max(0, int(np.floor(side))) for side in corners[:2])
    ends = zip(corners[2:], size, strict=True)
    right, bottom = (min(limit, int(np.ceil(side))) for side, limit in ends)
    return Box(left, top, right, bottom) if right > left and bottom > top else None


def found_of(
    corners: np.ndarray, scores: np.ndarray, classes: np.ndarray, names: Sequence[str], size: Size
) -> list[tuple[int, Found]]:
    """(place, thing) of those that are kept, in a picture of `size`. Of those of one class that
    are the same pixels there, as in a very small picture, the surest."""
    things, seen = [], set()
    for place in kept(corners, scores, classes):
        box = box_of(corners[place], size)
        label = names[int(classes[place])]
        if box is not None and (label, box) not in seen:
            seen.add((label, box))
            things.append((place, Found(box, float(scores[place]), label)))
    return things

"""The windows of a large outpaint: overlapping parts of the canvas, outward from the picture."""

from __future__ import annotations

from typing import NamedTuple

from studio.domain.geometry import AS_IT_IS, CELL, LEAST, Box, Size, rounded_up

MOST_WINDOWS = 24
"""Where more would be needed at full resolution, each window takes in more of the canvas and is
drawn smaller, then scaled up: a day of passes is no better than a little less detail."""
_OVERLAP = 1 / 3
"""How much of a window is known before it is drawn, at least, in the direction it goes."""
_WIDER = 1.25
_STRETCHED = 1.5
"""A window may be so many times as high as a square of its area is, to see a picture from its
ground to its sky at once; above that, squares lie side by side."""


class Window(NamedTuple):
    """A part of the canvas, and the size it is drawn at (multiples of 8)."""

    box: Box
    size: Size


def windows(canvas: Size, old: Box, size: Size) -> list[Window]:
    """The windows, in the order they are to be drawn, that cover all of `canvas` but `old`.

    Each has at most 1.6 times the area of `size`, as pictures have that are not scaled, or is drawn
    smaller than it is. A third of each is known
    when its turn comes: the picture, or what earlier windows drew. First right and left of the
    picture, as high as it is, then below and above, over the whole width.
    """
    side = (AS_IT_IS * size[0] * size[1]) ** 0.5
    scale = 1.0
    while True:
        boxes = _boxes(canvas, old, side * scale)
        if len(boxes) <= MOST_WINDOWS or side * scale >= max(canvas):
            return [_window(box, scale) for box in boxes]
        scale *= _WIDER


def _window(box: Box, scale: float) -> Window:
    """`box`, grown by a few pixels so that it is exactly `scale` times what is drawn."""
    width, height = rounded_up((round(box.size[0] / scale), round(box.size[1] / scale)))
    size = max(width, LEAST), max(height, LEAST)
    right, bottom = box.left + round(size[0] * scale), box.top + round(size[1] * scale)
    return Window(Box(box.left, box.top, right, bottom), size)


def _boxes(canvas: Size, old: Box, side: float) -> list[Box]:
    """As `windows`, at full resolution; `side` is that of a square of the largest area."""
    boxes = []
    for box in _sideways((old.left, old.right), (old.top, old.bottom), canvas[0], side):
        boxes.append(box)
    for box in _sideways((old.top, old.bottom), (0, canvas[0]), canvas[1], side):
        boxes.append(Box(box.top, box.left, box.bottom, box.right))  # axes exchanged
    return boxes


def _reach(side: float, across: int) -> tuple[int, int]:
    """The largest box (along, across) of the area of a square of `side`."""
    high = across if across <= side * _STRETCHED else side
    return int(min(side * side / high, side * _STRETCHED)), int(high)


def _sideways(
    stretch: tuple[int, int], across: tuple[int, int], end: int, side: float
) -> list[Box]:
    """Boxes from the `stretch` of an axis to its `end` and to 0, each set covering `across`
    on the other axis."""
    boxes = []
    first, last = stretch
    along, high = _reach(side, across[1] - across[0])
    for start, stop in _steps(last, end, along, last - first):
        boxes += [Box(start, low, stop, top) for low, top in _rows(across, high)]
    for start, stop in _steps(end - first, end, along, end - first):
        boxes += [Box(end - stop, low, end - start, top) for low, top in _rows(across, high)]
    return boxes


def _steps(begin: int, end: int, reach: int, behind: int) -> list[tuple[int, int]]:
    """Stretches of at most `reach` that lead from `begin` to `end`, each with a third of it already
    known, which it may be at first for `behind` before `begin`."""
    spans = []
    while begin < end:
        length = min(reach, max(CELL, int(behind / _OVERLAP)))
        overlap = min(behind, -(-length // 3))
        rounds = -(-(end - begin) // max(1, length - overlap))
        stop = begin + -(-(end - begin) // rounds)
        start = max(begin - behind, stop - length)
        spans.append((start, stop))
        behind += stop - begin
        begin = stop
    return spans


def _rows(across: tuple[int, int], reach: int) -> list[tuple[int, int]]:
    """Overlapping stretches of at most `reach` over `across`, spread evenly."""
    low, high = across
    length = min(reach, high - low)
    count = 1 if length == high - low else -(-(3 * (high - low) - length) // (2 * length))
    room = high - low - length
    starts = [low + room * index // max(1, count - 1) for index in range(count)]
    return [(start, start + length) for start in starts]

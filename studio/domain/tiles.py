"""A picture as tiles that overlap, so that what is made of each fits together without a seam."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

from studio.domain.geometry import CELL, Box, Size


class Tile(NamedTuple):
    """seen  what is worked on
    used  the part of it whose result is taken
    left, top, right, bottom  so many pixels of what is used are of its neighbours as well; 0 at the
                              picture's border
    """

    seen: Box
    used: Box
    left: int
    top: int
    right: int
    bottom: int


def tiles(size: Size, tile: Size, margin: int, fade: int) -> list[Tile]:
    """Tiles of size `tile` over a picture of `size`, row by row; where that is no larger, across or
    down, all of it. Of each a `margin` at its inner borders is not used, and what is used
    overlaps by `fade` at least. Sides of tiles are larger than 2 × margin + fade by a cell."""
    across = _spans(size[0], tile[0], margin, fade)
    down = _spans(size[1], tile[1], margin, fade)
    return [
        Tile(
            Box(column.start, row.start, column.stop, row.stop),
            Box(column.first, row.first, column.last, row.last),
            column.before,
            row.before,
            column.after,
            row.after,
        )
        for row in down
        for column in across
    ]


def fitted(size: Size, most_pixels: int, least: int, shared: int) -> Size:
    """The size of tiles of at most `most_pixels` that see the fewest pixels in all, of a picture of
    `size`, where two tiles have `shared` pixels in common. No side is below `least`, but for a
    picture's own; if that is too much, it is `least` nevertheless."""
    best, fewest = (min(size[0], least), min(size[1], least)), math.inf
    columns = 0
    while columns < size[0]:
        columns += 1
        width = _evenly(size[0], columns, shared)
        if columns > 1 and width < least:
            break
        room = most_pixels // width // CELL * CELL
        rows = 1 if most_pixels >= width * size[1] else _count(size[1], room, shared)
        height = _evenly(size[1], rows, shared) if rows else 0
        if rows == 1 or height >= least:
            seen = columns * width * rows * height
            best, fewest = min((best, fewest), ((width, height), seen), key=lambda one: one[1])
    return best


def _evenly(length: int, count: int, shared: int) -> int:
    """The side of so many tiles that cover `length`."""
    if count == 1:
        return length
    return -(-(length + (count - 1) * shared) // count // CELL) * CELL


def _count(length: int, side: int, shared: int) -> int:
    """How many tiles of `side` cover `length`; 0 where none do."""
    pitch = (side - shared) // CELL * CELL
    return -(-(length - side) // pitch) + 1 if pitch > 0 else 0


class _Span(NamedTuple):
    """Seen from `start` to `stop`, used from `first` to `last`, of which its neighbours use so much
    as well that come `before` and `after` it."""

    start: int
    stop: int
    first: int
    last: int
    before: int
    after: int


def _spans(length: int, side: int, margin: int, fade: int) -> list[_Span]:
    if length <= side:
        return [_Span(0, length, 0, length, 0, 0)]
    count = _count(length, side, 2 * margin + fade)
    # On cells, so that networks that look at windows of them see the same ones in each tile.
    starts = [
        -(-place * (length - side) // (count - 1) // CELL) * CELL for place in range(count - 1)
    ]
    starts.append(length - side)
    used = [(start + margin, start + side - margin) for start in starts]
    used[0], used[-1] = (0, used[0][1]), (used[-1][0], length)
    shared = [0, *(end - begin for (_, end), (begin, _) in pairwise(used)), 0]
    return [
        _Span(start, start + side, *used[place], shared[place], shared[place + 1])
        for place, start in enumerate(starts)
    ]

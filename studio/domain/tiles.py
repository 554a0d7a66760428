"""A picture as tiles that overlap, so that what is made of each fits together without a seam."""

from __future__ import annotations

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


def tiles(size: Size, side: int, margin: int, fade: int) -> list[Tile]:
    """Squares of `side` over a picture of `size`, row by row, or the whole of it where that is not
    larger. Of each a `margin` at its inner borders is not used, and what is used overlaps by `fade`
    at least. `side` is larger than 2 × margin + fade."""
    across = _spans(size[0], side, margin, fade)
    down = _spans(size[1], side, margin, fade)
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
    count = -(-(length - side) // (side - 2 * margin - fade)) + 1
    # On cells, so that networks that look at windows of them see the same ones in each tile.
    starts = [place * (length - side) // (count - 1) // CELL * CELL for place in range(count - 1)]
    starts.append(length - side)
    used = [(start + margin, start + side - margin) for start in starts]
    used[0], used[-1] = (0, used[0][1]), (used[-1][0], length)
    shared = [0, *(end - begin for (_, end), (begin, _) in pairwise(used)), 0]
    return [
        _Span(start, start + side, *used[place], shared[place], shared[place + 1])
        for place, start in enumerate(starts)
    ]

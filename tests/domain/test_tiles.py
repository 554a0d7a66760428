"""Tiles cover a picture of any size, overlap as they must, and see little twice."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from studio.domain.geometry import CELL
from studio.domain.tiles import fitted, tiles

SIZES = [(1, 1), (300, 7), (301, 299), (1000, 333), (1003, 1999), (5000, 120)]


@pytest.mark.parametrize(("margin", "fade"), [(20, 16), (64, 16), (0, 128)])
def test_they_cover_it_and_fade_into_each_other(margin, fade):
    shared = 2 * margin + fade
    for size, extra in itertools.product(SIZES, (CELL, 129)):
        found = tiles(size, (shared + extra, shared + extra + 8), margin, fade)
        made = np.zeros((size[1], size[0]), np.int32)
        for tile in found:
            used, seen = tile.used, tile.seen
            assert seen.left % CELL == 0 or seen.right == size[0]
            for inner, outer, edge in zip(used, seen, (0, 0, *size), strict=True):
                assert abs(inner - outer) == (0 if outer == edge else margin)
            kept = slice(used.top, used.bottom), slice(used.left, used.right)
            assert all(each == 0 or each >= fade for each in tile[2:])
            made[kept] += 1
        assert made.min() == 1, "nothing is left out"


def test_what_they_see_twice_is_little():
    for size, most, shared in itertools.product(SIZES, (10_000, 250_000, 1e9), (56, 144)):
        least = shared + 128
        tile = fitted(size, int(most), least, shared)
        found = tiles(size, tile, shared // 2 - 8, 16)
        assert math.prod(tile) <= max(most, least**2)
        assert all(side >= min(least, of) for side, of in zip(tile, size, strict=True))
        seen = sum(math.prod(each.seen.size) for each in found)
        if math.prod(size) <= most:
            assert seen == math.prod(size), "all of it at once"
    assert fitted((3000, 3000), 2048**2, 272, 144) == (3000, 1096), "and not four of 2048"
    assert fitted((4000, 1000), 2_100_000, 272, 144) == (2072, 1000)

"""The pattern of an invisible mark: a square that is repeated over the picture.

It is a sum of waves, whose lengths lie between what a resize to a half or JPEG at quality 75 takes
away and what the eye sees best. A third of them have the same phases in every mark, so that a mark
is found at whatever scale and place (the pilot); each of the others says one symbol of the code.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from studio.provenance import code

SIDE = 128
"""Of the square, in pixels."""
_LONGEST, _SHORTEST = 26.0, 7.5
"""Waves, in pixels."""
HIGHEST = int(SIDE / _SHORTEST) + 1
"""No wave has more periods along a side of the square."""
_PILOT_SHARE = 0.34
_KEY = 20261127
"""Changing it, or anything here, makes earlier marks unreadable: raise `code.VERSION` then."""


@dataclass(frozen=True, eq=False)
class Waves:
    """
    rows, columns  periods along the square's sides: all waves, those of the pilot first
    phases         of each, as complex numbers of length 1
    pilots         how many are the pilot's
    symbols        which symbol of the code each of the others says
    """

    rows: np.ndarray
    columns: np.ndarray
    phases: np.ndarray
    pilots: int
    symbols: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """Periods of each along its own direction."""
        return np.hypot(self.rows, self.columns)


@cache
def waves() -> Waves:
    """Always the same."""
    listed = [
        (row, column)
        for row in range(-HIGHEST, HIGHEST + 1)
        for column in range(HIGHEST + 1)
        if (column > 0 or row > 0) and math.hypot(row, column) >= SIDE / _LONGEST
        if math.hypot(row, column) <= SIDE / _SHORTEST
    ]
    # Of PCG64 the bits are promised, of numpy's methods above them they are not.
    bits = np.random.PCG64(_KEY)
    order = np.argsort(bits.random_raw(len(listed)), kind="stable")
    rows, columns = np.array(listed)[order].T
    phases = np.exp(2j * np.pi * (bits.random_raw(len(listed)) / 2.0**64))
    pilots = round(len(listed) * _PILOT_SHARE)
    others = len(listed) - pilots
    symbols = np.argsort(bits.random_raw(others), kind="stable") % code.SYMBOLS
    return Waves(rows, columns, phases, pilots, symbols)


def pattern(id: int) -> np.ndarray:
    """(SIDE, SIDE) float32 of mean 0 and standard deviation 1: the mark that says `id`."""
    known = waves()
    signs = np.concatenate([np.ones(known.pilots), code.written(id)[known.symbols]])
    spectrum = np.zeros((SIDE, SIDE), complex)
    spectrum[known.rows % SIDE, known.columns % SIDE] = known.phases * signs
    square = np.fft.ifft2(spectrum).real
    return (square / square.std()).astype(np.float32)

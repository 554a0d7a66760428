"""How sure a share is, and whether it could be chance."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

RESAMPLED = 9999
"""How often chance is tried; the least p that can come out is a ten-thousandth."""
_SEED = 20261127
"""The same figures give the same p."""
_Z = 1.959964
"""Of 95 %."""


def wilson(count: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share, `count` of `of` at least 1 (Wilson 1927): it keeps within 0 and
    1, and holds where a share is 0 or all."""
    share, scale = count / of, 1 + _Z**2 / of
    middle = (share + _Z**2 / (2 * of)) / scale
    half = _Z / scale * math.sqrt(share * (1 - share) / of + _Z**2 / (4 * of**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def differ(rows: Sequence[Sequence[str]]) -> float | None:
    """p that what is found in each of `rows` (a list of values of each word) differs as much by
    chance: chi-square of the table, its distribution by shuffling the words of the pictures, as
    counts may be small. None where there is nothing to compare."""
    values = np.concatenate([np.asarray(row, dtype=object) for row in rows if len(row)] or [[]])
    names, codes = np.unique(values.astype(str), return_inverse=True)
    sizes = [len(row) for row in rows if len(row)]
    if len(names) < 2 or len(sizes) < 2:
        return None
    owners = np.repeat(np.arange(len(sizes)), sizes)
    expected = np.outer(sizes, np.bincount(codes)) / len(codes)

    def distances(rows: np.ndarray) -> np.ndarray:
        """Of each row of values, one a picture, the chi-square of its table."""
        cells = expected.size
        at = np.arange(len(rows))[:, None] * cells + owners * len(names) + rows
        tables = np.bincount(at.ravel(), minlength=len(rows) * cells)
        tables = tables.reshape(len(rows), *expected.shape)
        return ((tables - expected) ** 2 / expected).sum((1, 2))

    shuffled = np.random.default_rng(_SEED).permuted(np.tile(codes, (RESAMPLED, 1)), axis=1)
    as_far = int((distances(shuffled) >= distances(codes[None]) - 1e-9).sum())
    return (1 + as_far) / (1 + RESAMPLED)


def uneven(found: Sequence[str], possible: Sequence[str]) -> float | None:
    """p that `found` is spread as unevenly over `possible` values by chance, where each is as
    likely as another: chi-square, its distribution by drawing at random. None for fewer than 2."""
    if len(possible) < 2 or not found:
        return None
    counts = np.array([sum(value == each for value in found) for each in possible])
    count, expected = int(counts.sum()), counts.sum() / len(possible)
    if not count:
        return None
    rng = np.random.default_rng(_SEED)
    drawn = rng.multinomial(count, [1 / len(possible)] * len(possible), RESAMPLED)
    seen = ((counts - expected) ** 2).sum()
    as_far = int((((drawn - expected) ** 2).sum(1) >= seen - 1e-9).sum())
    return (1 + as_far) / (1 + RESAMPLED)


def sure_up_to(ps: Sequence[float], level: float) -> float:
    """The largest of `ps` that still counts where all of them were asked at once, so that chance
    calls out any of them in no more than a share `level` of all cases (Holm, 1979); 0 where none
    does."""
    largest = 0.0
    for rank, p in enumerate(sorted(ps)):
        if p > level / (len(ps) - rank):
            break
        largest = p
    return largest

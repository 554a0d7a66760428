"""Seconds of a workload on one device, fitted to those that past workloads took.

A run takes some seconds whatever it draws, some for each call of the U-Net, some for the pixels of
its rows, more than twice as much for twice the pixels (attention), more for ControlNet units, and
some for each picture to be decoded. None of these can be negative. What is fitted are the
relative errors, those far out counting less: one run beside which the machine did something else
says little. Where the newest runs all took longer, or less long, that is the machine's pace now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum
from statistics import median

from studio.jobs.workload import Workload

Sample = tuple[Workload, float]
"""A workload, and the seconds that it took, above 0."""

NEWEST = 100
"""So many of the newest samples count."""
_ROUNDS = 8
_SWEEPS = 60
_FADES = 0.98
"""What a sample counts, of what the one after it does: drivers and settings change."""
_RECENT = 5
"""So many of the newest tell the pace: what else the machine does slows all jobs alike."""
_RIDGE = (1e-3, 1e-3, 1e-4, 3e-2, 1e-3, 1e-3)
"""What it costs to give each share something: where the samples are all alike, seconds are taken to
grow as pixels do, not as their squares."""


@dataclass(frozen=True)
class Fit:
    """Seconds for each of `_features`."""

    shares: tuple[float, ...]

    def seconds(self, workload: Workload) -> float:
        features = _features(workload)
        return fsum(map(float.__mul__, self.shares, features))


def fit(samples: Sequence[Sample]) -> Fit | None:
    """From `samples`, the newest last; None where there are none."""
    samples = samples[-NEWEST:]
    if not samples:
        return None
    # Each row is divided by what it took: the errors are relative ones.
    rows = [[each / took for each in _features(parts)] for parts, took in samples]
    ages = [_FADES ** (len(rows) - place) for place in range(1, len(rows) + 1)]
    scales = [max(max(row[k] for row in rows), 1e-12) for k in range(len(rows[0]))]
    rows = [[value / scale for value, scale in zip(row, scales, strict=True)] for row in rows]
    shares, weights = [0.0] * len(scales), ages
    for _ in range(_ROUNDS):
        shares = _least_squares(rows, weights, shares)
        errors = [abs(1 - _dot(row, shares)) for row in rows]
        weights = [age / max(error, 0.05) for age, error in zip(ages, errors, strict=True)]
    pace = median(1 / max(_dot(row, shares), 1e-9) for row in rows[-_RECENT:])
    return Fit(tuple(pace * share / scale for share, scale in zip(shares, scales, strict=True)))


def _features(workload: Workload) -> list[float]:
    work = [part.calls * part.rows * part.megapixels for part in workload]
    return [
        1.0,
        fsum(part.calls for part in workload),
        fsum(work),
        fsum(each * part.megapixels for each, part in zip(work, workload, strict=True)),
        fsum(each * part.units for each, part in zip(work, workload, strict=True)),
        fsum(part.pictures * part.megapixels for part in workload),
    ]


def _least_squares(
    rows: Sequence[Sequence[float]], weights: Sequence[float], begin: Sequence[float]
) -> list[float]:
    """Those shares, none negative, for which every row comes to 1: one after the other."""
    count, total = len(begin), fsum(weights)
    columns = list(zip(*rows, strict=True))
    weighted = [[w * value for w, value in zip(weights, each, strict=True)] for each in columns]
    gram = [[_dot(these, those) for those in columns] for these in weighted]
    aims = [fsum(each) for each in weighted]
    shares = list(begin)
    for _ in range(_SWEEPS):
        for k in range(count):
            others = _dot(gram[k], shares) - gram[k][k] * shares[k]
            shares[k] = max(0.0, (aims[k] - others) / (gram[k][k] + _RIDGE[k] * total))
    return shares


def _dot(these: Sequence[float], those: Sequence[float]) -> float:
    return fsum(map(float.__mul__, these, those))

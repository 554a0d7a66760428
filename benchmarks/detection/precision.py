"""Mean average precision as COCO's own evaluation has it (pycocotools), for one overlap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_RECALLS = np.linspace(0, 1, 101)


def overlaps(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """IoU (n, m) of boxes (n, 4) and (m, 4): left, top, right, bottom."""
    nearest = np.minimum(some[:, None, 2:], others[None, :, 2:])
    sides = nearest - np.maximum(some[:, None, :2], others[None, :, :2])
    both = np.prod(np.maximum(sides, 0), -1)
    areas = [np.prod(boxes[:, 2:4] - boxes[:, :2], -1) for boxes in (some, others)]
    return both / np.maximum(areas[0][:, None] + areas[1] - both, 1e-12)


def hits(found: np.ndarray, truth: np.ndarray, least: float) -> np.ndarray:
    """Of boxes found (n, 4), the surest first: does each meet a true one (m, 4) that none before it
    met? It takes the one that it overlaps most, by at least `least`."""
    each = overlaps(found, truth)
    met = np.zeros(len(found), bool)
    for place in range(len(found)):
        if len(truth) and each[place].max() >= least:
            met[place] = True
            each[:, each[place].argmax()] = -1
    return met


def average_precision(scores: np.ndarray, met: np.ndarray, things: int) -> float:
    """The area below precision over recall, of `things` that could be found."""
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(met[order])
    precision = right / np.arange(1, len(right) + 1)
    best = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0)
    return float(best[np.searchsorted(right / things, _RECALLS, "left")].mean())


def mean_average_precision(
    found: Sequence[np.ndarray], truth: Sequence[np.ndarray], least: float = 0.5
) -> float:
    """0 to 1, over all classes that there are. Of each picture `found` has rows of left, top,
    right, bottom, class, score, and `truth` rows without the score."""
    classes = np.unique(np.concatenate([each[:, 4] for each in truth]))
    precisions = []
    for kind in classes:
        scores, met = [], []
        for guesses, things in zip(found, truth, strict=True):
            guesses = guesses[guesses[:, 4] == kind]
            guesses = guesses[np.argsort(-guesses[:, 5], kind="stable")]
            scores.append(guesses[:, 5])
            met.append(hits(guesses[:, :4], things[things[:, 4] == kind, :4], least))
        count = sum(int((things[:, 4] == kind).sum()) for things in truth)
        precisions.append(average_precision(np.concatenate(scores), np.concatenate(met), count))
    return float(np.mean(precisions))

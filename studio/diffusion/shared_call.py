"""One call of a backbone, and of the ControlNets beside it, for the rows of several runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from studio.diffusion.rows import Residuals, Rows, joined

Predictor = Callable[[Rows, Residuals | None], torch.Tensor]
"""Calls a backbone: noise_pred (R, C, h, w) float32 for rows, with residuals of all of them."""


def predict(predictor: Predictor, asked: Sequence[Rows]) -> list[torch.Tensor]:
    """noise_pred (R, C, h, w) float32 for each of `asked`, which are of one kind."""
    predicted = predictor(joined(asked), _residuals(asked))
    return list(predicted.split([len(rows) for rows in asked]))


def _residuals(asked: Sequence[Rows]) -> Residuals | None:
    """The units of each of `asked`, their residuals added up; None where there are none."""
    total = None
    for units in zip(*(rows.units for rows in asked), strict=True):
        more = units[0].together(units, asked)
        total = more if total is None else total + more
    return total

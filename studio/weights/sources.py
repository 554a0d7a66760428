"""Where each weight of a checkpoint lies, known from headers and configurations alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from studio.domain.errors import CheckpointError
from studio.weights import modules
from studio.weights.tensor_files import TensorFile


@dataclass(frozen=True)
class Origin:
    """Where a weight of our modules is found in a file, and in which form.

    key         its name there
    rows        (k, n): it is the k-th of n equal blocks of rows of a fused weight
    transposed  stored the other way round
    """

    key: str
    rows: tuple[int, int] | None = None
    transposed: bool = False

    def shape(
        self, stored: tuple[int, ...], wanted: tuple[int, ...] | None = None
    ) -> tuple[int, ...]:
        """The shape of the weight once taken out of a tensor of shape `stored`: `wanted`, where
        that differs in sides of one alone."""
        if self.rows:
            stored = (stored[0] // self.rows[1], *stored[1:])
        if self.transposed:
            stored = stored[::-1]
        return wanted if wanted and _same_but_for_ones(stored, wanted) else stored

    def take(self, stored: torch.Tensor, wanted: tuple[int, ...]) -> torch.Tensor:
        """The weight, of shape `wanted`: a view where that is possible."""
        if self.rows:
            stored = stored.chunk(self.rows[1])[self.rows[0]]
        if self.transposed:
            stored = stored.t().contiguous()
        return stored.reshape(wanted)


def _same_but_for_ones(stored: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """A 1 × 1 convolution (C, D, 1, 1) and a matrix (C, D) hold the same."""
    longer, shorter = sorted((stored, wanted), key=len, reverse=True)
    return longer == shorter + (1,) * (len(longer) - len(shorter))


@dataclass(frozen=True)
class PartSource:
    """One part of a checkpoint: `origins` gives for each weight of its module the file and the
    place in it."""

    config: dict[str, Any]
    origins: Mapping[str, tuple[TensorFile, Origin]]

    def checked(self, part: str) -> PartSource:
        """Itself, if every weight is there and has the right shape; raises `CheckpointError`."""
        expected = modules.shapes(part, self.config)
        missing = [name for name in expected if name not in self.origins]
        if missing:
            raise CheckpointError(
                f"{len(missing)} of its {len(expected)} weights are missing, {missing[0]} first"
            )
        for name, shape in expected.items():
            file, origin = self.origins[name]
            stored = origin.shape(file.shapes[origin.key], shape)
            if stored != shape:
                raise CheckpointError(f"{origin.key} has the shape {stored}, not {shape}")
        return PartSource(self.config, {name: self.origins[name] for name in expected})


@dataclass(frozen=True)
class Source:
    """All parts of a checkpoint, and its tokenizers in the order of the family's encoders."""

    parts: dict[str, PartSource] = field(default_factory=dict)
    tokenizers: tuple[Any, ...] = ()

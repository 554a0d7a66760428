"""What one layer of a LoRA file adds to one weight: the arithmetic of every kind of adapter.

A LoRA proper is a product of two thin matrices (arXiv:2106.09685); its relatives are Hadamard
products of two such (LoHa, arXiv:2108.06098), Kronecker products (LoKr, arXiv:2309.14859), whole
differences, scales of rows or columns ((IA)³, arXiv:2205.05638), products that also take in the
weight itself (GLoRA, arXiv:2306.07967), rotations of its rows (OFT, arXiv:2306.07280), and any of
them with its rows' lengths learnt apart (DoRA, arXiv:2402.09353).

All sums are made in float32 whatever the weight and the file are kept in, and the answer is a new
tensor of the weight's dtype and shape. Merging several one after the other is exact only on a
float32 weight, so callers keep it in float32 until the last one is in.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Protocol

import torch
from torch import Tensor


class Delta(Protocol):
    """What is added to one weight.

    `shape` is that of the weight it was made for, None where it fits any; a linear layer's may
    stand for a 1 × 1 convolution's and the other way round.
    """

    @property
    def shape(self) -> tuple[int, ...] | None: ...

    def add_to(self, weight: Tensor, scale: float) -> Tensor:
        """`weight` with `scale` times this added: a new tensor of its dtype and shape."""
        ...


@dataclass(frozen=True)
class LowRank:
    """factor · up @ down. `down` (rank, in, …), `up` (out, rank, …).

    `mid` (rank, rank, height, width), where a convolution was split into three: `down` and `up`
    are 1 × 1 then.
    """

    down: Tensor
    up: Tensor
    factor: float = 1.0
    mid: Tensor | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        kernel = self.down.shape[2:] if self.mid is None else self.mid.shape[2:]
        return (self.up.shape[0], self.down.shape[1], *kernel)

    def add_to(self, weight: Tensor, scale: float) -> Tensor:
        up, down = _like(weight, self.up).flatten(1), _like(weight, self.down).flatten(1)
        if self.mid is not None:
            down = torch.einsum("nmhw,mi->nihw", _like(weight, self.mid), down).flatten(1)
        flat = weight.float().reshape(up.shape[0], down.shape[1])
        total = torch.addmm(flat, up, down, alpha=scale * self.factor)
        return _laid_out(total.reshape(weight.shape), weight)


@dataclass(frozen=True)
class Hadamard:
    """LoHa: factor · (a₁ @ b₁) ⊙ (a₂ @ b₂). `a` (out, rank), `b` (rank, in · kernel).

    With `cores` (rank, rank, height, width) each factor is a Tucker product of its core with
    `a` (rank, out) and `b` (rank, in).
    """

    first: tuple[Tensor, Tensor]
    second: tuple[Tensor, Tensor]
    factor: float = 1.0
    cores: tuple[Tensor, Tensor] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        a, b = self.first
        if self.cores is not None:
            return (a.shape[1], b.shape[1], *self.cores[0].shape[2:])
        return (a.shape[0], b.shape[1])

    def add_to(self, weight: Tensor, scale: float) -> Tensor:
        cores = self.cores or (None, None)
        one = _product(weight, *self.first, cores[0])
        other = _product(weight, *self.second, cores[1])
        return _added(weight, one * other, scale * self.factor)


@dataclass(frozen=True)
class Kronecker:
    """LoKr: factor · (w₁ ⊗ w₂). `w₂` may have a kernel, `w₁` has not.

    Each is given whole as (w,) or as the two factors of a product (a, b); the second may have a
    Tucker `core` (rank, rank, height, width) then.
    """

    first: tuple[Tensor, ...]
    second: tuple[Tensor, ...]
    factor: float = 1.0
    core: Tensor | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        one = (self.first[0].shape[0], self.first[-1].shape[1])
        if self.core is not None:
            other = (self.second[0].shape[1], self.second[1].shape[1], *self.core.shape[2:])
        else:
            other = (self.second[0].shape[0], *self.second[-1].shape[1:])
        return (one[0] * other[0], one[1] * other[1], *other[2:])

    def add_to(self, weight: Tensor, scale: float) -> Tensor:
        one = _whole(weight, self.first)
        other = _whole(weight, self.second, self.core)
        one = one.reshape(*one.shape[:2], *(1,) * (other.ndim - 2))
        return _added(weight, torch.kron(one, other.contiguous()), scale * self.factor)


@dataclass(frozen=True)
class Difference:
    """A whole difference, of the weight's shape."""

    difference: Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.difference.shape)

    def add_to(self, weight: Tensor, scale: float) -> Tensor:
        return _added(weight, _like(weight, self.difference), scale)


@dataclass(frozen=True)
class Scaled:
    """(IA)³: every row (`axis` 0) or column (1) of the weight is added once more, times `gains`."""

    gains: Tensor
    axis: int

    @property
    def shape(self) -> None:
        return None

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether there is one gain for each row (column) of a weight of this shape."""
        return len(shape) > self.axis and shape[self.axis] == self.gains.numel()

    def add_to(self, weight: Tensor, scale: float) -> Tensor:
        along = [1] * weight.ndim
        along[self.axis] = -1
        return _added(weight, weight.float() * _like(weight, self.gains).reshape(along), scale)


@dataclass(frozen=True)
class Decomposed:
    """DoRA: `inner` is added in full, then each row (or column) is brought to its own length.

    `magnitude` has one length for each row (or column), in any shape. A scale below 1 goes that
    part of the straight way from the weight to the result.
    """

    inner: Delta
    magnitude: Tensor
    by_row: bool = True

    @property
    def shape(self) -> tuple[int, ...] | None:
        return self.inner.shape

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether there is one length for each row (column) of a weight of this shape."""
        return len(shape) > 1 and self.magnitude.numel() == shape[0 if self.by_row else 1]

    def add_to(self, weight: Tensor, scale: float) -> Tensor:
        before = weight.float()
        merged = self.inner.add_to(before, 1.0)
        dims = [dim for dim in range(weight.ndim) if dim != (0 if self.by_row else 1)]
        length = torch.linalg.vector_norm(merged, dim=dims, keepdim=True)
        length = length.clamp_min(torch.finfo(torch.float32).tiny)
        wanted = _like(weight, self.magnitude).reshape(length.shape)
        return _laid_out(torch.lerp(before, merged * (wanted / length), scale), weight)


@dataclass(frozen=True)
class Generalized:
    """GLoRA: factor · (weight @ a₁ @ a₂ + b₁ @ b₂). `a` (in, rank) and (rank, in), `b` (out, rank)
    and (rank, in, …)."""

    a: tuple[Tensor, Tensor]
    b: tuple[Tensor, Tensor]
    factor: float = 1.0

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.b[0].shape[0], *self.b[1].shape[1:])

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether the product with a weight of this shape is one."""
        return len(shape) > 1 and self.a[0].shape[0] == self.a[1].shape[1] == shape[1]

    def add_to(self, weight: Tensor, scale: float) -> Tensor:
        a1, a2 = (_like(weight, tensor).flatten(1) for tensor in self.a)
        b1, b2 = (_like(weight, tensor).flatten(1) for tensor in self.b)
        of_weight = torch.einsum("oi...,ij->oj...", weight.float(), a1 @ a2)
        change = of_weight + (b1 @ b2).reshape(weight.shape)
        return _added(weight, change, scale * self.factor)


@dataclass(frozen=True)
class Rotated:
    """OFT: the weight's rows, in blocks of equal size, each block turned by a rotation of its own:
    the Cayley transform of `blocks` (blocks, rows, rows), which are made skew.

    `constraint` × rows of the weight is the largest norm that all blocks may have together, 0 for
    any; `lengths` (out, 1, …) scale the turned rows. A scale below 1 goes that part of the straight
    way from the weight to the result.
    """

    blocks: Tensor
    constraint: float = 0.0
    lengths: Tensor | None = None

    @property
    def shape(self) -> None:
        return None

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether a weight of this shape has as many rows."""
        rows = self.blocks.shape[0] * self.blocks.shape[1]
        return shape[0] == rows and (self.lengths is None or self.lengths.numel() == rows)

    def add_to(self, weight: Tensor, scale: float) -> Tensor:
        before, blocks = weight.float(), _like(weight, self.blocks)
        count, size, _ = blocks.shape
        skew = blocks - blocks.transpose(1, 2)
        norm, largest = torch.linalg.vector_norm(skew), self.constraint * count * size
        if self.constraint > 0:
            skew = skew * (largest / norm.clamp_min(largest))
        eye = torch.eye(size, device=weight.device)
        rotations = torch.linalg.solve(eye - skew, eye + skew, left=False)
        turned = rotations.transpose(1, 2) @ before.reshape(count, size, -1)
        turned = turned.reshape(weight.shape)
        if self.lengths is not None:
            turned = turned * _like(weight, self.lengths).reshape(-1, *[1] * (weight.ndim - 1))
        return _added(weight, turned - before, scale)


@dataclass(frozen=True)
class FirstChannels:
    """`inner`, which was made for fewer channels than the weight takes: it is added to the first
    `channels` of them, and the others stay."""

    inner: Delta
    channels: int

    @property
    def shape(self) -> None:
        return None

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether a weight of this shape takes more channels, and `inner` fits the first."""
        wider = len(shape) > 1 and shape[1] > self.channels
        return wider and fits(self.inner, (shape[0], self.channels, *shape[2:]))

    def add_to(self, weight: Tensor, scale: float) -> Tensor:
        total = weight.clone()
        total[:, : self.channels] = self.inner.add_to(weight[:, : self.channels], scale)
        return total


def rank_of(delta: Delta) -> int | None:
    """How many directions a low-rank product has; None for kinds that have no rank."""
    if isinstance(delta, LowRank):
        return delta.down.shape[0]
    return rank_of(delta.inner) if isinstance(delta, Decomposed) else None


def fits(delta: Delta, shape: tuple[int, ...]) -> bool:
    """Whether `delta` can be added to a weight of this shape."""
    own = getattr(delta, "fits", None)
    if own is not None and not own(shape):
        return False
    made_for = delta.shape
    return made_for is None or (made_for[0] == shape[0] and prod(made_for) == prod(shape))


def _like(weight: Tensor, tensor: Tensor) -> Tensor:
    """`tensor` in float32 where `weight` lies."""
    return tensor.to(weight.device, torch.float32)


def _added(weight: Tensor, change: Tensor, scale: float) -> Tensor:
    return _laid_out(torch.add(weight.float(), change.reshape(weight.shape), alpha=scale), weight)


def _laid_out(total: Tensor, weight: Tensor) -> Tensor:
    """`total` in the dtype and memory format of `weight`."""
    if total.dtype == weight.dtype and total.stride() == weight.stride():
        return total
    return torch.empty_like(weight).copy_(total)


def _product(weight: Tensor, a: Tensor, b: Tensor, core: Tensor | None) -> Tensor:
    a, b = _like(weight, a), _like(weight, b)
    if core is None:
        return a @ b
    return torch.einsum("ijhw,jr,ip->prhw", _like(weight, core), b, a)


def _whole(weight: Tensor, parts: tuple[Tensor, ...], core: Tensor | None = None) -> Tensor:
    return _like(weight, parts[0]) if len(parts) == 1 else _product(weight, *parts, core)

"""The tensors of one layer in a LoRA file -> what is added to that layer's weight and bias."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from studio.weights.adapters import (
    Decomposed,
    Delta,
    Difference,
    Generalized,
    Hadamard,
    Kronecker,
    LowRank,
    Rotated,
    Scaled,
)

FactorOf = Callable[[int | None], float]
"""From a rank (None: the kind has none) to what the product is multiplied with."""


def build(tensors: Mapping[str, Tensor], factor_of: FactorOf) -> dict[str, Delta]:
    """ "weight" and "bias" -> delta, from a layer's tensors by role (see `lora_keys`).

    Raises ValueError with a few words where tensors are missing or do not fit each other.
    """
    left = dict(tensors)
    built: dict[str, Delta] = {}
    if "bias_difference" in left:
        built["bias"] = Difference(left.pop("bias_difference"))
    magnitude, by_row = left.pop("magnitude", None), True
    if magnitude is None and (magnitude := left.pop("dora_scale", None)) is not None:
        # (1, in) are lengths of columns, (out, 1) of rows.
        by_row = magnitude.ndim < 2 or magnitude.shape[0] > 1 or magnitude.numel() == 1
    if "peft_gains" in left and not _of_columns(left["peft_gains"]):
        built["bias"] = Scaled(left["peft_gains"].float() - 1, axis=0)
    delta = _kind(left, factor_of)
    if left:
        raise ValueError(f"has {', '.join(sorted(left))} without what belongs to it")
    if magnitude is not None:
        if delta is None:
            raise ValueError("has a magnitude alone")
        delta = Decomposed(delta, magnitude, by_row)
    if delta is not None:
        built["weight"] = delta
    return built


def _kind(left: dict[str, Tensor], factor_of: FactorOf) -> Delta | None:
    """The delta, its tensors taken out of `left`; None if there are none."""
    if "down" in left or "up" in left:
        return _low_rank(left, factor_of)
    if "w1_a" in left:
        return _hadamard(left, factor_of)
    if any(role.startswith("k_") for role in left):
        return _kronecker(left, factor_of)
    if any(role.startswith("g_") for role in left):
        return _generalized(left, factor_of)
    if "rotations" in left:
        return _rotated(left)
    if "difference" in left:
        return Difference(left.pop("difference"))
    if "on_input" in left and "gains" in left:
        return Scaled(left.pop("gains"), axis=int(bool(left.pop("on_input").item())))
    if "peft_gains" in left:
        gains = left.pop("peft_gains")
        # peft multiplies with them, where the others add the weight once more times the gains.
        return Scaled(gains.float() - 1, axis=int(_of_columns(gains)))
    return None


def _of_columns(gains: Tensor) -> bool:
    """peft keeps gains of what goes in as (1, in), of what comes out as (out, 1); the latter's
    hold for the bias too, where there is one."""
    return gains.ndim > 1 and gains.shape[0] == 1


def _low_rank(left: dict[str, Tensor], factor_of: FactorOf) -> LowRank:
    down, up = _take(left, "down", "up")
    mid = left.pop("mid", None)
    rank = _chained(up, down)
    if mid is not None and (mid.ndim != 4 or tuple(mid.shape[:2]) != (rank, rank)):
        raise ValueError(f"has a middle of shape {tuple(mid.shape)} for rank {rank}")
    return LowRank(down, up, factor_of(rank), mid)


def _hadamard(left: dict[str, Tensor], factor_of: FactorOf) -> Hadamard:
    first, second = _take(left, "w1_a", "w1_b"), _take(left, "w2_a", "w2_b")
    cores = None
    if "t1" in left or "t2" in left:
        cores = _take(left, "t1", "t2")
    for pair, core in zip((first, second), cores or (None, None), strict=True):
        _check_product(pair, core)
    return Hadamard(first, second, factor_of(first[1].shape[0]), cores)


def _kronecker(left: dict[str, Tensor], factor_of: FactorOf) -> Kronecker:
    core = left.pop("k_t2", None)
    factors, rank = [], None
    for name in ("k_w1", "k_w2"):
        if name in left:
            factor: tuple[Tensor, ...] = (left.pop(name),)
        else:
            factor = _take(left, f"{name}_a", f"{name}_b")
            _check_product(factor, core if name == "k_w2" else None)
            rank = factor[1].shape[0]
        if any(tensor.ndim < 2 for tensor in factor):
            raise ValueError("has a vector where a matrix belongs")
        factors.append(factor)
    if factors[0][0].ndim != 2 or (core is not None and len(factors[1]) == 1):
        raise ValueError("has a kernel where none belongs")
    return Kronecker(factors[0], factors[1], factor_of(rank), core)


def _generalized(left: dict[str, Tensor], factor_of: FactorOf) -> Generalized:
    a, b = _take(left, "g_a1", "g_a2"), _take(left, "g_b1", "g_b2")
    for one, other in (a, b):
        _chained(one, other)
    return Generalized(a, b, factor_of(a[0].shape[1]))


def _rotated(left: dict[str, Tensor]) -> Rotated:
    blocks = left.pop("rotations")
    if blocks.ndim != 3 or blocks.shape[1] != blocks.shape[2]:
        raise ValueError(f"has rotations of shape {tuple(blocks.shape)}")
    constraint = left.pop("constraint", None)
    return Rotated(
        blocks, 0.0 if constraint is None else float(constraint), left.pop("lengths", None)
    )


def _check_product(pair: tuple[Tensor, Tensor], core: Tensor | None) -> None:
    a, b = pair
    if core is None:
        _chained(a, b)
    elif (core.ndim, a.ndim, b.ndim) != (4, 2, 2) or core.shape[:2] != (a.shape[0], b.shape[0]):
        raise ValueError(f"has a core of shape {tuple(core.shape)} that does not fit its factors")


def _chained(a: Tensor, b: Tensor) -> int:
    """The rank over which `a` @ `b` is summed."""
    if a.ndim < 2 or b.ndim < 2:
        raise ValueError("has a vector where a matrix belongs")
    if math.prod(a.shape[2:]) != 1 or a.shape[1] != b.shape[0]:
        raise ValueError(f"has factors of shapes {tuple(a.shape)} and {tuple(b.shape)}")
    return b.shape[0]


def _take(left: dict[str, Tensor], *roles: str) -> tuple[Tensor, ...]:
    missing = [role for role in roles if role not in left]
    if missing:
        raise ValueError(
            f"has no {' and no '.join(re.sub('^[gk]_', '', role) for role in missing)}"
        )
    return tuple(left.pop(role) for role in roles)


class Alphas:
    """By how much products are multiplied: alpha / rank, where a file says alpha.

    It does so in a tensor beside each layer, or once for all in the settings of peft, which
    diffusers keeps in the metadata (each key with its part before it, "unet.lora_alpha") and peft
    in a file beside the weights. Nothing said means 1.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings

    @classmethod
    def from_json(cls, text: str) -> Alphas:
        """Raises ValueError for what is no JSON object."""
        settings = json.loads(text)
        if not isinstance(settings, dict):
            raise ValueError("no JSON object")
        return cls(settings)

    def factor_of(self, part: str, module: str, alpha: Tensor | None) -> FactorOf:
        """For a layer by its key without ".weight"; `alpha` is the tensor beside it."""

        def factor(rank: int | None) -> float:
            if alpha is not None:
                return float(alpha.item()) / rank if rank else 1.0
            of_part = {**self._settings, **self._own(part)}
            value = of_part.get("lora_alpha", of_part.get("alpha"))
            value = _matching(of_part.get("alpha_pattern"), module, value)
            size = rank or _matching(of_part.get("rank_pattern"), module, of_part.get("r"))
            if not _is_number(value) or not _is_number(size) or size <= 0:
                return 1.0
            return value / (math.sqrt(size) if of_part.get("use_rslora") else size)

        return factor

    def _own(self, part: str) -> dict[str, Any]:
        dot = f"{part}."
        return {k.removeprefix(dot): v for k, v in self._settings.items() if k.startswith(dot)}


def _matching(pattern: Any, module: str, otherwise: Any) -> Any:
    """The value of the layer's own entry in one of peft's patterns: names from their ends, or
    whole where they begin with ^."""
    if not isinstance(pattern, dict):
        return otherwise
    module = module.removeprefix("text_model.")
    for name, value in pattern.items():
        bare = name.removeprefix("^").removesuffix("$").removeprefix("text_model.")
        if module == bare or (not name.startswith("^") and module.endswith(f".{bare}")):
            return value
    return otherwise


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)

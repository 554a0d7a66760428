"""Ends the call of a module from within, once nobody waits for its answer any more.

A call is looked in on between the module's blocks. Where single operations may take seconds, on a
CPU and for large pictures, it is looked in on between operations, and the largest are done in
slices. Nothing of a call outlasts it: whether somebody waits is asked of the thread's own watch.
"""

from __future__ import annotations

import math
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.downsampling import Downsample2D
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.upsampling import Upsample2D
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

LARGE = 64 * 64
"""From so many places in a call's input on, latent cells or pixels, its operations are watched one
by one. What that costs, a few milliseconds, is nothing to such a call on a CPU."""

_SLICE = 3e10
"""Multiplications and additions of a slice: a quarter of a second on two cores."""
_QUERIES = 1024
"""Slices of attention have a multiple of so many queries. PyTorch's kernel works on blocks of 256
where there are at least 768, so that the result is the same to the last bit."""

_BLOCKS = (BasicTransformerBlock, Downsample2D, ResnetBlock2D, Upsample2D)


class Interrupted(Exception):
    """Nobody waits for this call any more."""


Gone = Callable[[], bool]
"""Are all gone who wait for the call under way? Asked often, so it must be quick; True for good."""


class _Watch(threading.local):
    gone: Gone | None = None


_watch = _Watch()
_watched: weakref.WeakSet[nn.Module] = weakref.WeakSet()


@contextmanager
def interrupted_when(gone: Gone) -> Iterator[None]:
    """Within it, on this thread, `interruptible` calls raise `Interrupted` soon after `gone`. The
    innermost counts."""
    before, _watch.gone = _watch.gone, gone
    try:
        yield
    finally:
        _watch.gone = before


@contextmanager
def interruptible(module: nn.Module, given: torch.Tensor) -> Iterator[None]:
    """For one call of `module`, a U-Net, VAE or ControlNet, whose input `given` is (B, c, h, w).

    An interrupted call leaves the module as it was, but for what works on single layers of a U-Net
    (streamed, or kept in eight bits): the layer at work may be left as it is while it works, which
    its next call sets right.
    """
    if _is_compiled(module):  # a graph has no inside: looked in on between calls alone
        yield
        look()
        return
    if module not in _watched:
        repeated = getattr(module, "_repeated_blocks", ())  # diffusers' own list of a transformer's
        for block in module.modules():
            if isinstance(block, _BLOCKS) or type(block).__name__ in repeated:
                block.register_forward_pre_hook(look)
        _watched.add(module)
    if given.device.type == "cpu" and math.prod(given.shape[2:]) >= LARGE:
        with _Operations():
            yield
    else:
        yield


def _is_compiled(module: nn.Module) -> bool:
    return hasattr(module, "_orig_mod") or module._compiled_call_impl is not None


def look(*_: Any) -> None:
    gone = _watch.gone
    if gone is not None and gone():
        raise Interrupted


class _Operations(TorchFunctionMode):
    """Looks in before each operation that computes much; never while weights are moved or cast."""

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _HEAVY:
            look()
            sliced = _SLICED.get(func)
            if sliced is not None:
                return sliced(*args, **kwargs)
        return func(*args, **kwargs)


def _attention(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *more: Any, **named: Any
) -> torch.Tensor:
    """`scaled_dot_product_attention`, queries (…, n, d), a slice of them after the other."""
    whole = functional.scaled_dot_product_attention
    count = query.shape[-2]
    work = 4 * query[..., :1, :].numel() * key.shape[-2]  # for one query
    size = max(_QUERIES, int(_SLICE / work) // _QUERIES * _QUERIES)
    masked = more or named.get("attn_mask") is not None or named.get("is_causal")
    if masked or size >= count:
        return whole(query, key, value, *more, **named)
    slices = []
    for rows in query.split(size, dim=-2):
        look()
        slices.append(whole(rows, key, value, **named))
    return torch.cat(slices, dim=-2)


def _convolution(
    given: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    *more: Any,
    **named: Any,
) -> torch.Tensor:
    """`conv2d` of (B, c, h, w), a strip of lines after the other."""
    plain = not more or tuple(more) == ((1, 1), 1)  # dilation and groups
    if named or not plain or not isinstance(stride, tuple) or not isinstance(padding, tuple):
        return torch.conv2d(given, weight, bias, stride, padding, *more, **named)
    (step, _), (above, beside), (tall, wide) = stride, padding, weight.shape[2:]
    lines, columns = given.shape[2:]
    out_lines = (lines + 2 * above - tall) // step + 1
    out_columns = (columns + 2 * beside - wide) // stride[1] + 1
    size = max(1, int(_SLICE / (2 * weight.numel() * len(given) * out_columns)))
    if size >= out_lines:
        return torch.conv2d(given, weight, bias, stride, padding, *more)
    whole = None
    for first in range(0, out_lines, size):
        look()
        last = min(first + size, out_lines)
        start, end = first * step - above, (last - 1) * step - above + tall
        strip = given[:, :, max(start, 0) : min(end, lines)]
        strip = functional.pad(strip, (0, 0, max(-start, 0), max(end - lines, 0)))
        done = torch.conv2d(strip, weight, bias, stride, (0, beside))
        if whole is None:
            whole = _empty_like(done, out_lines)
        whole[:, :, first:last] = done
    return whole


def _empty_like(strip: torch.Tensor, lines: int) -> torch.Tensor:
    last = strip.is_contiguous(memory_format=torch.channels_last)
    return torch.empty(
        (*strip.shape[:2], lines, strip.shape[3]),
        dtype=strip.dtype,
        memory_format=torch.channels_last if last else torch.contiguous_format,
    )


_SLICED = {functional.scaled_dot_product_attention: _attention, torch.conv2d: _convolution}
_HEAVY = frozenset(
    [
        *_SLICED,
        functional.linear,
        functional.group_norm,
        functional.interpolate,
        functional.silu,
        functional.gelu,
    ]
)

"""Seamless tiles: convolutions that see the other side of the picture beyond its border.

A convolution's zeros beyond the border are what tells a U-Net and a VAE where a picture ends. With
the other side in their place (circular padding) there is no border left: attention and norms know
of none. A transformer has no convolutions, it is told where its patches lie; its latents are turned
round before each call instead, by another length each time, so that no place is always the border.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from diffusers.models.downsampling import Downsample2D
from torch import nn
from torch.nn import functional

from studio.domain.seamless import TilingName, across, down

_GOLDEN = 0.6180339887


@contextmanager
def wrapped(module: nn.Module, tiling: TilingName) -> Iterator[None]:
    """`module`, whose convolutions see the other side beyond the borders of `tiling` within it;
    after it, it is as it was, whatever happened."""
    if tiling == "none":
        yield
        return
    padded = {
        id(each.conv)
        for each in module.modules()
        if isinstance(each, Downsample2D) and each.use_conv and each.padding == 0
    }
    convolutions = [
        each
        for each in module.modules()
        if isinstance(each, nn.Conv2d) and each.kernel_size != (1, 1)
    ]
    try:
        for each in convolutions:
            forward = _after_zeros if id(each) in padded else _wrapping
            each._conv_forward = partial(forward, each, tiling)
        yield
    finally:
        for each in convolutions:
            each.__dict__.pop("_conv_forward", None)


def _wrapping(
    conv: nn.Conv2d,
    tiling: TilingName,
    features: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
) -> torch.Tensor:
    beyond, beside = conv.padding
    if across(tiling):
        features = functional.pad(features, (beside, beside, 0, 0), "circular")
        beside = 0
    if down(tiling):
        features = functional.pad(features, (0, 0, beyond, beyond), "circular")
        beyond = 0
    return functional.conv2d(
        features, weight, bias, conv.stride, (beyond, beside), conv.dilation, conv.groups
    )


def _after_zeros(
    conv: nn.Conv2d,
    tiling: TilingName,
    features: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
) -> torch.Tensor:
    """Of diffusers' VAE on its way down, which puts one line of zeros below and to the right of a
    picture before it calls the convolution: the lines that lie there instead."""
    if across(tiling):
        features[..., -1] = features[..., 0]
    if down(tiling):
        features[..., -1, :] = features[..., 0, :]
    return functional.conv2d(
        features, weight, bias, conv.stride, conv.padding, conv.dilation, conv.groups
    )


def turn(size: Sequence[int], tiling: TilingName, timestep: float) -> tuple[int, int]:
    """How far latents of `size`, (height, width), are to be turned round at `timestep`, (down,
    across) in cells: even numbers, as transformers take cells in pairs."""
    share = timestep * _GOLDEN % 1
    height, width = size
    return (
        2 * int(share * height / 2) if down(tiling) else 0,
        2 * int(share * width / 2) if across(tiling) else 0,
    )

"""A network that enlarges pictures, at work on one of any size: in tiles where memory is short.

What a pixel becomes depends on those around it, as far as the network reaches. So a tile sees a
margin beyond what is used of it, and fades into those before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from studio.diffusion.interruption import interruptible
from studio.domain.geometry import Size
from studio.domain.tiles import Tile, fitted, tiles

FADE = 16
"""Pixels before they are enlarged."""
MOST_MARGIN = 64
"""What lies further away changes no pixel by 2 of 255, in networks that reach further: ESRGAN's."""
MOST_PIXELS = 2048**2
"""Of a tile."""
_LEAST = 128
"""Pixels of a side of a tile, beside those that it shares with others."""


class Network(Protocol):
    """See `weights.upscaler.Upscaler`."""

    module: nn.Module
    scale: int
    least: int
    multiple: int
    device: torch.device
    dtype: torch.dtype


def margin(module: nn.Module) -> int:
    """How far to look beyond a tile: as far as its convolutions reach together, where it has
    nothing else that reaches."""
    reach = 0
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.LayerNorm | nn.AdaptiveAvgPool2d):
            return MOST_MARGIN
        if isinstance(part, nn.Conv2d):
            reach += max(
                (side - 1) * step // 2
                for side, step in zip(part.kernel_size, part.dilation, strict=True)
            )
    return min(-(-reach // 4) * 4, MOST_MARGIN)


def tile_for(module: nn.Module, size: Size, most_pixels: float) -> Size:
    """Of the tiles of a picture of `size`, where there is room for so many pixels of one: those
    that see the least twice."""
    shared = 2 * margin(module) + FADE
    return fitted(size, int(min(most_pixels, MOST_PIXELS)), shared + _LEAST, shared)


def layout(network: Network, size: Size, tile: Size) -> Sequence[Tile]:
    """The tiles of size `tile` over a picture of `size`."""
    return tiles(size, tile, margin(network.module), FADE)


def enlarge(network: Network, picture: np.ndarray) -> np.ndarray:
    """RGB bytes (h, w, 3), `network.scale` times as wide and high: all at once. Raises
    `Interrupted` once nobody waits for it."""
    height, width = picture.shape[:2]
    given = torch.from_numpy(picture.copy()).to(network.device).permute(2, 0, 1)[None]
    given = given.to(network.dtype).div_(255)
    beside, below = (_lacking(network, side) for side in (width, height))
    if beside or below:
        given = functional.pad(given, (0, beside, 0, below), mode="replicate")
    with torch.inference_mode(), interruptible(network.module, given):
        larger = network.module(given)[0, :, : height * network.scale, : width * network.scale]
        larger = larger.float().clamp(0, 1).mul_(255).round_().to(torch.uint8)
    return np.ascontiguousarray(larger.permute(1, 2, 0).cpu().numpy())


def _lacking(network: Network, side: int) -> int:
    """Pixels to add to a side for the network to take it."""
    wanted = max(side, network.least, 1)
    return -(-wanted // network.multiple) * network.multiple - side


def place(whole: np.ndarray, tile: Tile, larger: np.ndarray, scale: int) -> None:
    """Put what was made of `tile`.seen, `scale` times as large, into `whole`."""
    used, seen = tile.used, tile.seen
    rows = slice((used.top - seen.top) * scale, (used.bottom - seen.top) * scale)
    columns = slice((used.left - seen.left) * scale, (used.right - seen.left) * scale)
    new = larger[rows, columns]
    old = whole[used.top * scale : used.bottom * scale, used.left * scale : used.right * scale]
    for strip in _faded(new.shape[:2], tile.left * scale, tile.top * scale):
        rows, columns, weight = strip
        mixed = old[rows, columns] * (1 - weight) + new[rows, columns] * weight
        new[rows, columns] = np.rint(mixed).astype(np.uint8)
    old[:] = new


def _faded(
    shape: tuple[int, int], left: int, top: int
) -> Iterator[tuple[slice, slice, np.ndarray]]:
    """The strips where a tile fades in, and by how much, (h, w, 1) in 0…1."""
    across, down = ramp(shape[1], left), ramp(shape[0], top)
    weight = (down[:, None] * across[None])[..., None]
    if top:
        yield slice(0, top), slice(None), weight[:top]
    if left:
        yield slice(top, None), slice(0, left), weight[top:, :left]


def ramp(length: int, fade: int) -> np.ndarray:
    """(length,) from nearly 0 to 1 over the first `fade` places, 1 from there on."""
    weights = np.ones(length, np.float32)
    weights[:fade] = (np.arange(fade) + 1) / (fade + 1)
    return weights

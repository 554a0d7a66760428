"""A large picture drawn over tile by tile, each at the size that its model was made for."""

from __future__ import annotations

import numpy as np
from PIL import Image

from studio.domain.geometry import Box, Size, rounded_up
from studio.domain.tiles import Tile, tiles
from studio.imaging.passes import Pass


def passes(size: Size, side: int, overlap: int) -> tuple[Pass, ...]:
    """Over tiles of `side`, a multiple of 8, that overlap by `overlap` pixels at least. What a tile
    begins with is what those before it have left there, so it fades out within the half of the
    overlap that is farther from it, which the next one draws over, and that fades in before."""
    return tuple(_pass(tile) for tile in tiles(size, (side, side), 0, overlap))


def sizes(size: Size, side: int, overlap: int) -> list[Size]:
    """Of these passes."""
    return [rounded_up(tile.seen.size) for tile in tiles(size, (side, side), 0, overlap)]


def _pass(tile: Tile) -> Pass:
    seen = tile.seen
    width, height = rounded_up(seen.size)
    box = Box(seen.left, seen.top, seen.left + width, seen.top + height)
    blend = None
    if any((tile.left, tile.top, tile.right, tile.bottom)):
        across = _weights(width, tile.left // 2, tile.right // 2)
        down = _weights(height, tile.top // 2, tile.bottom // 2)
        blend = Image.fromarray(np.rint(down[:, None] * across[None] * 255).astype(np.uint8))
    return Pass((width, height), box, blend=blend)


def _weights(length: int, fade_in: int, fade_out: int) -> np.ndarray:
    """(length,) in 0…1."""
    rising = np.minimum(1.0, (np.arange(length) + 1) / (fade_in + 1))
    return np.minimum(rising, (length - np.arange(length)) / (fade_out + 1))

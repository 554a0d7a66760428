"""Sizes and boxes in pixels."""

from __future__ import annotations

from typing import NamedTuple

CELL = 8
"""Pixels of a latent cell; what a model draws is a multiple of it."""
LEAST, MOST = 64, 2048
"""The sides of what a model is asked to draw at once."""
AS_IT_IS = 1.6
"""A picture of up to so many times the model's native area is worked on at its own size."""

Size = tuple[int, int]
"""(width, height)."""


class Box(NamedTuple):
    """A part of a picture, from `left`, `top` up to, but not including, `right`, `bottom`."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> Size:
        return self.right - self.left, self.bottom - self.top


def rounded_up(size: Size) -> Size:
    """The least multiples of 8 that hold `size`."""
    width, height = (-(-side // CELL) * CELL for side in size)
    return width, height


def is_own_size(size: Size, source: Size) -> bool:
    """Is `size` just that of a picture of size `source`, but for being multiples of 8? Then the
    picture is not scaled: it is worked on at its own size, and so is the result."""
    return size == rounded_up(source)


def working_size(asked: tuple[int | None, int | None], native: Size, source: Size | None) -> Size:
    """Multiples of 8 to work at: what was `asked` for, else what suits the picture it begins with
    (`source`; None: none), else `native`.

    A picture that is not much larger than `native` keeps its size; a larger one its shape, at the
    native area. One side asked for gives the other by the picture's shape.
    """
    width, height = asked
    if width and height:
        return width, height
    if source is None:
        return width or native[0], height or native[1]
    ratio = source[0] / source[1]
    if width:
        return width, _side(width / ratio)
    if height:
        return _side(height * ratio), height
    own = rounded_up(source)
    area = native[0] * native[1]
    if own[0] * own[1] <= AS_IT_IS * area and min(own) >= LEAST and max(own) <= MOST:
        return own
    return _side((area * ratio) ** 0.5), _side((area / ratio) ** 0.5)


def _side(length: float) -> int:
    return min(MOST, max(LEAST, round(length / CELL) * CELL))


def extended(source: Size, aspect_ratio: str) -> tuple[int, int, int, int]:
    """(left, top, right, bottom): pixels to add evenly to have the shape `aspect_ratio`, "W:H"."""
    across, down = (float(side) for side in aspect_ratio.split(":"))
    ratio, (width, height) = across / down, source
    more_width = max(0, round(height * ratio) - width)
    more_height = max(0, round(width / ratio) - height)
    left, top = more_width // 2, more_height // 2
    return left, top, more_width - left, more_height - top

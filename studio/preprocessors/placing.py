"""Sizes: what a preprocessor works at, and its map at the size of the result."""

from __future__ import annotations

import numpy as np
from PIL import Image

from studio.domain.geometry import Size
from studio.domain.tasks import ResizeMode

MOST_PIXELS = 2**24
"""A picture much longer than wide is worked on at no more pixels than this."""

Colour = int | tuple[int, ...]


def working_size(source: Size, size: Size, resolution: int | None, mode: ResizeMode) -> Size:
    """The size at which a picture of size `source` is looked at, to give a map of `size`.

    resolution  its short side in pixels; None: that at which the map needs no other scale when it
                is fitted to `size` ("pixel perfect": the short side times the larger of the two
                factors from source to size, the smaller where `mode` keeps all of the picture)
    """
    if resolution is None:
        factor = _factor(source, size, mode)
    else:
        factor = resolution / min(source)
    factor = min(factor, (MOST_PIXELS / (source[0] * source[1])) ** 0.5)
    return _times(source, factor)


def placed(
    image: Image.Image,
    size: Size,
    mode: ResizeMode,
    *,
    nearest: bool = False,
    background: Colour | None = None,
) -> Image.Image:
    """`image`, a map, a picture or a mask, at `size` as `mode` says.

    nearest     take the nearest pixel, so that no values are mixed; else Lanczos, for masks (L)
                bilinear
    background  what is beyond the border with resize_and_fill; None: the median of the rim, which
                for lines is the black between them
    """
    if image.size == size:
        return image
    if mode not in ("crop_and_resize", "resize_and_fill"):
        return _scaled(image, size, nearest)
    inner = _times(image.size, _factor(image.size, size, mode))
    scaled = _scaled(image, inner, nearest)
    if inner == size:
        return scaled
    canvas = Image.new(image.mode, size, _rim(scaled) if background is None else background)
    canvas.paste(scaled, ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2))
    return canvas


def _factor(source: Size, size: Size, mode: ResizeMode) -> float:
    factors = size[0] / source[0], size[1] / source[1]
    return min(factors) if mode == "resize_and_fill" else max(factors)


def _times(size: Size, factor: float) -> Size:
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _scaled(image: Image.Image, size: Size, nearest: bool) -> Image.Image:
    if nearest:
        method = Image.Resampling.NEAREST
    elif image.mode == "L":
        method = Image.Resampling.BILINEAR  # no overshoot: a mask's black stays black
    else:
        method = Image.Resampling.LANCZOS
    return image.resize(size, method)


def _rim(image: Image.Image) -> Colour:
    """The median colour of the outermost pixels."""
    pixels = np.asarray(image)
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    rim = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    colour = tuple(int(value) for value in np.median(rim, axis=0))
    return colour if len(colour) > 1 else colour[0]

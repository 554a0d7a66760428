"""Other sizes: the four resize modes, parts of a picture, parts that reach beyond its border."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

from studio.domain.geometry import Box, Size
from studio.domain.seamless import TilingName, across, down
from studio.domain.tasks import ResizeMode


def resized(image: Image.Image, size: Size, mode: ResizeMode = "just_resize") -> Image.Image:
    """`image` (RGB or L) at `size`, in one of `tasks.RESIZE_MODES`.

    just_resize stretches, crop_and_resize keeps the shape and cuts off evenly what does not fit,
    resize_and_fill keeps all of the picture and repeats its rim where something is missing,
    latent_upscale is just_resize here: it differs in the latents. At its own size the very image
    comes back. Masks (L) are resized without overshoot, so black stays black.
    """
    if image.size == size:
        return image
    if mode == "crop_and_resize":
        return _scaled(image, size, _largest_crop(image.size, size))
    if mode == "resize_and_fill":
        inner = _largest_inside(image.size, size)
        left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
        return crop(_scaled(image, inner), Box(-left, -top, size[0] - left, size[1] - top))
    return _scaled(image, size)


_UPSCALERS = {"Lanczos": Image.Resampling.LANCZOS, "Nearest": Image.Resampling.NEAREST}


def enlarged(
    image: Image.Image, size: Size, upscaler: str, tiling: TilingName = "none"
) -> Image.Image:
    """`image` at `size` by "Lanczos" or "Nearest", cut off evenly where the shape differs. Beyond
    the borders of `tiling` lies the other side."""
    left, top, right, bottom = _largest_crop(image.size, size)
    if tiling != "none":  # itself on each side, so that each border has its neighbour
        width = image.width if across(tiling) else 0
        height = image.height if down(tiling) else 0
        times = 3 if height else 1, 3 if width else 1, 1
        image = Image.fromarray(np.tile(np.asarray(image), times))
        left, top, right, bottom = left + width, top + height, right + width, bottom + height
    return image.resize(size, _UPSCALERS[upscaler], box=(left, top, right, bottom))


def crop(image: Image.Image, box: Box) -> Image.Image:
    """What lies in `box`; where it reaches beyond the image, the image's rim is repeated."""
    inside = clipped(box, image.size)
    if inside == box:
        return image if box.size == image.size else image.crop(box)
    beyond = (inside.top - box.top, box.bottom - inside.bottom)
    beside = (inside.left - box.left, box.right - inside.right)
    pixels = np.asarray(image.crop(inside))
    return Image.fromarray(cv2.copyMakeBorder(pixels, *beyond, *beside, cv2.BORDER_REPLICATE))


def clipped(box: Box, size: Size) -> Box:
    """The part of `box` that lies in a picture of `size`."""
    left, top = max(box.left, 0), max(box.top, 0)
    return Box(left, top, min(box.right, size[0]), min(box.bottom, size[1]))


def _scaled(
    image: Image.Image, size: Size, box: tuple[float, float, float, float] | None = None
) -> Image.Image:
    # Lanczos overshoots at edges: sharp for pictures, but it would lift a mask's black.
    method = Image.Resampling.BILINEAR if image.mode == "L" else Image.Resampling.LANCZOS
    return image.resize(size, method, box=box)


def _largest_crop(source: Size, size: Size) -> tuple[float, float, float, float]:
    """The middle of a picture of size `source` that has the shape of `size`."""
    scale = max(size[0] / source[0], size[1] / source[1])
    across, down = min(size[0] / scale, source[0]), min(size[1] / scale, source[1])
    left, top = (source[0] - across) / 2, (source[1] - down) / 2
    return left, top, left + across, top + down


def _largest_inside(source: Size, size: Size) -> Size:
    """The largest size of the shape of `source` that fits in `size`."""
    scale = min(size[0] / source[0], size[1] / source[1])
    width, height = round(source[0] * scale), round(source[1] * scale)
    return min(max(1, width), size[0]), min(max(1, height), size[1])

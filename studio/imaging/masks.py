"""What a mask covers: inverted, grown, blurred, boxed. Masks are "L", white = repaint."""

from __future__ import annotations

import math

import cv2
import numpy as np
from PIL import Image, ImageChops

from studio.domain.errors import InvalidRequest
from studio.domain.geometry import Box, Size
from studio.domain.tasks import Inpaint
from studio.imaging.resizing import resized


def prepared(mask: Image.Image, task: Inpaint, size: Size) -> Image.Image:
    """`mask` as `task` wants it over a picture of `size`: resized if asked, inverted, grown or
    shrunk, blurred.

    Pixels further from the (grown) mask than the blur's kernel reaches are exactly 0.
    Raises InvalidRequest where the sizes differ and `task.resize_mask` does not allow it, and where
    nothing is left to repaint.
    """
    if mask.size != size:
        if not task.resize_mask:
            raise InvalidRequest(
                f"it has {mask.size[0]} × {mask.size[1]} pixels, the image {size[0]} × {size[1]}. "
                "Make them equal, or ask for the mask to be resized (resize_mask).",
                "mask",
            )
        mask = resized(mask, size)
    if task.invert:
        mask = ImageChops.invert(mask)
    _require_something(mask, _why_blank(task))
    mask = grown(mask, task.mask_grow)
    _require_something(
        mask,
        f"shrunk by {-task.mask_grow} pixels, nothing of it is left. Shrink it less, or paint a "
        "larger mask.",
    )
    return blurred(mask, task.mask_blur)


def _why_blank(task: Inpaint) -> str:
    if task.invert:
        return (
            "it is white everywhere and inverted, so there is nothing to repaint. Leave a part of "
            "it black, or do not invert it."
        )
    return (
        "it is black everywhere, so there is nothing to repaint. Paint what is to change, or "
        "invert the mask to repaint everything."
    )


def _require_something(mask: Image.Image, why_not: str) -> None:
    if mask.getbbox() is None:
        raise InvalidRequest(why_not, "mask")


def grown(mask: Image.Image, radius: int) -> Image.Image:
    """`mask` widened by `radius` pixels all around, below 0 narrowed; gray edges move along.

    The shape that is laid around each pixel is a regular octagon, `radius` wide to its sides and
    8 % more to its corners: a square and a diamond one after the other, which is as good as round
    and many times faster. The picture's border neither adds nor takes anything.
    """
    if radius == 0 or (box := bounding_box(mask)) is None:
        return mask
    spread = cv2.dilate if radius > 0 else cv2.erode
    steps = abs(radius)
    square = round(steps * (math.sqrt(2) - 1))  # makes sides and diagonals equally far
    pixels = np.asarray(mask)
    reach = _around(box, steps + math.ceil(steps * 0.1) + 1, mask.size)
    moved = pixels.copy()
    cut = pixels[reach.top : reach.bottom, reach.left : reach.right]
    if square:
        cut = spread(cut, np.ones((2 * square + 1,) * 2, np.uint8))
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    cut = spread(cut, cross, iterations=steps - square) if steps > square else cut
    moved[reach.top : reach.bottom, reach.left : reach.right] = cut
    return Image.fromarray(moved)


def blurred(mask: Image.Image, sigma: float) -> Image.Image:
    """`mask` through a Gaussian of `sigma` pixels, cut off at `int(2.5 sigma + 0.5)` pixels as
    AUTOMATIC1111 does. At the picture's border the mask goes on as it is there."""
    if sigma <= 0 or (box := bounding_box(mask)) is None:
        return mask
    radius = int(2.5 * sigma + 0.5)
    reach = _around(box, 2 * radius + 1, mask.size)  # twice: what is written sees only what is cut
    pixels = np.asarray(mask)
    soft = pixels.copy()
    cut = pixels[reach.top : reach.bottom, reach.left : reach.right]
    soft[reach.top : reach.bottom, reach.left : reach.right] = _gaussian(cut, sigma, radius)
    return Image.fromarray(soft)


def feathered(mask: Image.Image, width: int) -> Image.Image:
    """`mask` fading in over `width` pixels from its edge inwards, so that nothing outside of it is
    covered; the picture's border is no edge. 0: as it is."""
    if width <= 0 or mask.getextrema()[0] > 0:
        return mask
    pixels = np.asarray(mask)
    inside = cv2.distanceTransform((pixels > 0).astype(np.uint8), cv2.DIST_L2, 5)
    share = np.clip(inside / (width + 1), 0, 1)
    share = share * share * (3 - 2 * share)
    return Image.fromarray(np.rint(pixels * share).astype(np.uint8))


def _gaussian(pixels: np.ndarray, sigma: float, radius: int) -> np.ndarray:
    """`pixels` (uint8) blurred; what is further than `radius` from anything else is as it was.

    Wide blurs are computed on a reduced copy, where the kernel is cut off a little earlier (at
    2.25 sigma at least), since reducing and enlarging spread by up to one and a half cells.
    """
    step = 1
    while sigma / step > _WIDE:
        step *= 2
    height, width = pixels.shape
    if step > 1:
        below, beside = -height % step, -width % step
        pixels = cv2.copyMakeBorder(pixels, 0, below, 0, beside, cv2.BORDER_REPLICATE)
        size = pixels.shape[1] // step, pixels.shape[0] // step
        pixels = cv2.resize(pixels.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        radius = radius // step - 2
    kernel = (2 * radius + 1,) * 2
    soft = cv2.GaussianBlur(
        pixels.astype(np.float32), kernel, sigma / step, borderType=cv2.BORDER_REPLICATE
    )
    if step > 1:
        size = soft.shape[1] * step, soft.shape[0] * step
        soft = cv2.resize(soft, size, interpolation=cv2.INTER_LINEAR)[:height, :width]
    return cv2.convertScaleAbs(soft)


_WIDE = 16
"""Pixels of sigma from which on a blur is computed on a reduced copy."""


def _around(box: Box, distance: int, size: Size) -> Box:
    left, top = max(0, box.left - distance), max(0, box.top - distance)
    return Box(left, top, min(size[0], box.right + distance), min(size[1], box.bottom + distance))


def bounding_box(mask: Image.Image) -> Box | None:
    """The least box that holds everything that is not black; None for a black mask."""
    bounds = mask.getbbox()
    return Box(*bounds) if bounds else None


def crop_box(box: Box, padding: int, shape: Size, size: Size) -> Box:
    """What is worked at for "only masked": `box` (a mask's) grown by `padding` pixels within a
    picture of `size`, then to the ratio of `shape`, and shifted into the picture.

    Where the picture is too small for that ratio, the box reaches evenly beyond its border, where
    its rim is repeated, so that nothing is distorted.
    """
    near = _around(box, padding, size)
    return framed(near, shape, size)


def framed(box: Box, shape: Size, size: Size) -> Box:
    """`box` grown to the ratio of `shape`, shifted into a picture of `size` as far as it fits."""
    width, height = box.size
    if width * shape[1] < height * shape[0]:
        width = -(-height * shape[0] // shape[1])
    else:
        height = -(-width * shape[1] // shape[0])
    left = _shifted(box.left, box.right, width, size[0])
    top = _shifted(box.top, box.bottom, height, size[1])
    return Box(left, top, left + width, top + height)


def _shifted(start: int, stop: int, length: int, limit: int) -> int:
    """Where a stretch of `length` begins that lies evenly around `start`…`stop`, inside `limit`."""
    begin = start - (length - (stop - start)) // 2
    if length > limit:
        return -((length - limit) // 2)
    return min(max(begin, 0), limit - length)

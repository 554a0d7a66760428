"""The canvas of an outpaint: the picture, the new region around it, and the passes over it."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

from studio.domain import geometry
from studio.domain.errors import InvalidRequest
from studio.domain.geometry import Box, Size
from studio.domain.tasks import Outpaint
from studio.imaging.fill import widened
from studio.imaging.masks import framed
from studio.imaging.passes import Pass
from studio.imaging.reading import check_size
from studio.imaging.resizing import clipped, crop, resized
from studio.imaging.windows import Window, windows

_AT_ONCE = 2.5
"""A canvas of up to so many times the area of the working size is drawn in one pass: the picture in
it keeps the model from drawing things twice, and a pass that sees all of it joins sky and ground
better than windows do."""


def sides(task: Outpaint, size: Size) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) in pixels that `task` adds to a picture of `size`.

    Raises InvalidRequest for an aspect ratio that the picture already has.
    """
    if task.aspect_ratio is None:
        return task.left, task.top, task.right, task.bottom
    added = geometry.extended(size, task.aspect_ratio)
    if not any(added):
        raise InvalidRequest(
            f"the picture of {size[0]} × {size[1]} already is {task.aspect_ratio}. "
            "Choose another ratio, or pixels for the sides.",
            "aspect_ratio",
        )
    return added


def canvas_size(task: Outpaint, size: Size) -> Size:
    """The size of the result. Raises InvalidRequest as `sides` does, and above 64 megapixels."""
    left, top, right, bottom = sides(task, size)
    canvas = size[0] + left + right, size[1] + top + bottom
    check_size(canvas, "the widened picture")
    return canvas


def pass_sizes(task: Outpaint, image_size: Size, size: Size) -> list[Size]:
    """(width, height) of each pass over a picture of `image_size` at a working size of `size`,
    without looking at it. Raises as `canvas_size` does."""
    canvas = canvas_size(task, image_size)
    if _fits(canvas, size):
        own = geometry.rounded_up(canvas)
        return [own if min(own) >= geometry.LEAST else size]
    left, top, _, _ = sides(task, image_size)
    old = Box(left, top, left + image_size[0], top + image_size[1])
    return [window.size for window in windows(canvas, old, size)]


def laid_out(
    task: Outpaint, image: Image.Image, size: Size
) -> tuple[Image.Image, Image.Image, tuple[Pass, ...]]:
    """(canvas, mask, passes) of widening `image` (RGB) at a working size of `size`.

    The canvas is RGB, its new region smeared from the picture's rim. The mask is L: white in the
    new region, and fading into the picture over `task.feather` pixels, beyond which it is 0.
    """
    canvas = canvas_size(task, image.size)
    left, top, _, _ = sides(task, image.size)
    old = Box(left, top, left + image.width, top + image.height)
    mask = new_region(canvas, old, task.feather)
    before = widened(image, canvas, old)
    if _fits(canvas, size):
        return before, mask, (_single(task, mask, size),)
    passes, drawn = [], [old]
    for window in windows(canvas, old, size):
        passes.append(_window_pass(task, canvas, window, drawn))
        drawn.append(window.box)
    return before, mask, tuple(passes)


def new_region(canvas: Size, old: Box, feather: int) -> Image.Image:
    """L: white outside of `old`, and fading to 0 over `feather` pixels into it."""
    across = _ramp(canvas[0], old.left, old.right, feather)
    down = _ramp(canvas[1], old.top, old.bottom, feather)
    return Image.fromarray(np.maximum(down[:, None], across[None, :]))


def _ramp(length: int, start: int, stop: int, feather: int) -> np.ndarray:
    """One axis of `new_region`, uint8. A side that adds nothing does not fade."""
    place = np.arange(length)
    distance = np.full(length, np.inf)
    if start > 0:
        distance = np.minimum(distance, place - start + 1)
    if stop < length:
        distance = np.minimum(distance, stop - place)
    return _faded(np.maximum(distance, 0), feather)


def _faded(distance: np.ndarray, feather: int) -> np.ndarray:
    """uint8: 255 at a distance of 0 to the new region (in it), 0 beyond `feather` pixels."""
    t = np.clip(1 - distance / (feather + 1), 0, 1)
    return np.rint(255 * t * t * (3 - 2 * t)).astype(np.uint8)


def _fits(canvas: Size, size: Size) -> bool:
    """Is `canvas` to be drawn in one pass, at a working size of `size`?"""
    width, height = geometry.rounded_up(canvas)
    at_once = max(width, height) <= geometry.MOST
    return at_once and width * height <= _AT_ONCE * size[0] * size[1]


def _single(task: Outpaint, mask: Image.Image, size: Size) -> Pass:
    """The whole canvas in one pass, unscaled unless it is smaller than what a model draws."""
    own = geometry.rounded_up(mask.size)
    if min(own) >= geometry.LEAST:
        size, box = own, Box(0, 0, *own)
    else:
        box = framed(Box(0, 0, *mask.size), size, mask.size)
    covered = crop(mask, box)
    return Pass(size, box, resized(covered, size), covered, color_correction=task.color_correction)


def _window_pass(task: Outpaint, canvas: Size, window: Window, drawn: list[Box]) -> Pass:
    """A pass over `window` that draws what is not in `drawn`, fading into what is. What it begins
    with is the canvas, which already goes on from the picture's rim."""
    inside = clipped(window.box, canvas)
    left, top, (width, height) = inside.left, inside.top, inside.size
    drawn_before = np.zeros((height, width), np.uint8)
    for box in drawn:
        drawn_before[max(0, box.top - top) : max(0, box.bottom - top)][
            :, max(0, box.left - left) : max(0, box.right - left)
        ] = 1
    distance = cv2.distanceTransform(drawn_before, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    blend = Image.fromarray(_faded(distance, task.feather))
    left, top = window.box.left - left, window.box.top - top
    blend = crop(blend, Box(left, top, left + window.box.size[0], top + window.box.size[1]))
    return Pass(
        size=window.size,
        box=window.box,
        mask=resized(blend, window.size),
        blend=blend,
        color_correction=task.color_correction,
    )

"""Holes filled with the colours of their rim."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageChops

from studio.domain.geometry import Box, Size
from studio.imaging.blending import blended
from studio.imaging.resizing import crop

MOST_PIXELS = 1_000_000
"""The smear is computed at no more pixels than this: it is smooth, finer would look the same."""

_TRUSTED = [max(0, 255 - 4 * level) for level in range(256)]
"""How far a pixel under a mask of that value is known. Half covered is not half known: where a mask
ends in a blur, what is to vanish often reaches to its middle."""


def smeared(image: Image.Image, mask: Image.Image) -> Image.Image:
    """`image` (RGB) with the colours around `mask` (L, same size) smeared over what it covers.

    What lies near the rim has its colours, what lies further in the mean of a wider and wider part
    of the rim (a pyramid of blurs, filled from coarse to fine: Gortler et al., "The Lumigraph",
    1996, "push-pull"). Gray parts of the mask blend; where it is 0 the bytes stay. Where nothing at
    all is known the fill is gray.
    """
    if mask.getbbox() is None:
        return image
    smear = Image.fromarray(_filled(*_trusted(image, mask)))
    return blended(image, smear.resize(image.size, Image.Resampling.BICUBIC), mask)


def _trusted(image: Image.Image, mask: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """(colours × weight, weight) of what is not masked, float32 from 0 to 255 (height, width, 3)
    and from 0 to 1 (height, width), reduced to at most `MOST_PIXELS`."""
    width, height = image.size
    scale = min(1.0, (MOST_PIXELS / (width * height)) ** 0.5)
    trusted = mask.point(_TRUSTED)
    if trusted.getbbox() is None:  # gray everywhere
        trusted = ImageChops.invert(mask)
    weighted = image.copy()
    weighted.putalpha(trusted)
    # Colours times alpha: what is masked colours nothing around it.
    weighted = weighted.convert("RGBa")
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        weighted = weighted.resize(size, Image.Resampling.BOX)
    pixels = np.asarray(weighted).astype(np.float32)
    return pixels[..., :3], pixels[..., 3] / 255


def _filled(weighted: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """uint8 (height, width, 3): known colours as they are, the others from coarser levels."""
    levels = [(weighted, weight)]
    while max(levels[-1][1].shape) > 1:
        levels.append((cv2.pyrDown(levels[-1][0]), cv2.pyrDown(levels[-1][1])))
    colours, share = levels[-1]
    if float(share.max()) <= 0:  # nothing is known at all
        return np.full(weighted.shape, 127, np.uint8)
    colours = (colours / np.maximum(share, 1e-6)[..., None]).reshape(1, 1, 3)
    for weighted, weight in reversed(levels[:-1]):
        height, width = weight.shape
        coarse = cv2.pyrUp(colours)[:height, :width]
        # A level is trusted as soon as a part of a pixel is known: the colour of the rim itself.
        trust = np.minimum(1.0, weight * 4)
        own = weighted / np.maximum(weight, 1e-6)[..., None]
        colours = coarse + (own - coarse) * trust[..., None]
    return np.clip(np.rint(colours), 0, 255).astype(np.uint8)


def widened(image: Image.Image, canvas: Size, place: Box) -> Image.Image:
    """`image` (RGB) at `place` on a new picture of size `canvas`, its rim smeared over the rest.

    The rim goes straight on, so that a horizon stays one, and is blurred the more the further out.
    """
    scale = min(1.0, (MOST_PIXELS / (canvas[0] * canvas[1])) ** 0.5)
    left, top, right, bottom = (round(side * scale) for side in place)
    inner = Box(left, top, max(right, left + 1), max(bottom, top + 1))
    width = max(inner.right, round(canvas[0] * scale))
    height = max(inner.bottom, round(canvas[1] * scale))
    small = image.resize(inner.size, Image.Resampling.BOX) if scale < 1 else image
    wide = crop(small, Box(-inner.left, -inner.top, width - inner.left, height - inner.top))
    smear = _blurred_outward(np.asarray(wide).astype(np.float32), _distance((width, height), inner))
    result = Image.fromarray(smear).resize(canvas, Image.Resampling.BICUBIC)
    result.paste(image, place)
    return result


def _distance(size: Size, place: Box) -> np.ndarray:
    """float32 (height, width) of `size`: pixels to `place`; 0 in it."""

    def beyond(length: int, start: int, stop: int) -> np.ndarray:
        middles = np.arange(length, dtype=np.float32) + 0.5
        return np.maximum(0, np.maximum(start - middles, middles - stop))

    across, down = (
        beyond(size[0], place.left, place.right),
        beyond(size[1], place.top, place.bottom),
    )
    return np.hypot(down[:, None], across[None, :])


def _blurred_outward(pixels: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """uint8: `pixels` (float32) blurred over about a quarter of `distance`."""
    levels = [pixels]
    while len(levels) <= _MOST_LEVELS and min(levels[-1].shape[:2]) > 1:
        levels.append(cv2.pyrDown(levels[-1]))
    colours = levels.pop()
    for level in reversed(range(len(levels))):
        height, width = levels[level].shape[:2]
        reach = cv2.resize(distance, (width, height), interpolation=cv2.INTER_AREA)
        trust = np.clip(2 - reach / (_REACH * 2**level), 0, 1)
        coarse = cv2.pyrUp(colours)[:height, :width]
        colours = coarse + (levels[level] - coarse) * trust[..., None]
    return np.clip(np.rint(colours), 0, 255).astype(np.uint8)


_MOST_LEVELS = 6
"""Halvings of the widest blur: 2^6 pixels of the reduced canvas."""
_REACH = 4
"""Pixels beyond the rim up to which the first level is sharp."""

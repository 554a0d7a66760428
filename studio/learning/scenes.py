"""The pictures that pages of Learn begin with: of the world of picturebook, or one's own."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageOps

from studio.picturebook.world import Scene

Size = tuple[int, int]


def picture_of(number: int, own: Image.Image | None, size: Size) -> tuple[Image.Image, str]:
    """`own`, or the scene of a number, at (width, height), and what is in it; "" of `own`."""
    return scene(number, size) if own is None else (fitted(own, size), "")


def fitted(picture: Image.Image, size: Size) -> Image.Image:
    """RGB at (width, height); what does not fit its shape is cut off evenly."""
    return ImageOps.fit(picture.convert("RGB"), size, Image.Resampling.LANCZOS)


def scene(number: int, size: Size) -> tuple[Image.Image, str]:
    """The scene of a number, drawn at (width, height), and a caption that is true of it."""
    rng = np.random.default_rng(number)
    found = Scene.random(rng)
    return found.draw(size), found.caption(rng)

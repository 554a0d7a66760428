"""Pictures and files that the tests of imaging share."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw

from studio.picturebook.world import Scene


def scene(size: tuple[int, int], seed: int = 0) -> Image.Image:
    return Scene.random(np.random.default_rng(seed)).draw(size)


def noise(size: tuple[int, int], seed: int = 0) -> Image.Image:
    """RGB in which no two places are alike."""
    width, height = size
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def disc(size: tuple[int, int], box: tuple[int, int, int, int], value: int = 255) -> Image.Image:
    image = Image.new("L", size)
    ImageDraw.Draw(image).ellipse(box, fill=value)
    return image


def rectangle(size: tuple[int, int], box: tuple[int, int, int, int]) -> Image.Image:
    """White from left, top up to but not including right, bottom."""
    image = Image.new("L", size)
    image.paste(255, box)
    return image


def encoded(image: Image.Image, format: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def same(one: Image.Image, other: Image.Image) -> bool:
    return one.size == other.size and one.mode == other.mode and one.tobytes() == other.tobytes()

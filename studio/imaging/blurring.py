"""Pictures of which only the colours are told."""

from __future__ import annotations

from PIL import Image, ImageFilter

_LEFT = 24
"""Pixels of the longer side that are left."""


def blurred(image: Image.Image) -> Image.Image:
    """`image`, RGB, of the same size, of which no shape can be made out."""
    scale = _LEFT / max(image.size)
    small = image.resize([max(1, round(side * scale)) for side in image.size])
    large = small.resize(image.size, Image.Resampling.BICUBIC)
    return large.filter(ImageFilter.GaussianBlur(max(image.size) / _LEFT))

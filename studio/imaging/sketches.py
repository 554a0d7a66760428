"""Colours laid over a picture before it is drawn over. Sketches are RGBA, of the picture's size."""

from __future__ import annotations

from PIL import Image

from studio.domain.errors import InvalidRequest
from studio.domain.geometry import Size
from studio.imaging import profiles
from studio.imaging.blending import blended


def laid_over(image: Image.Image, sketch: Image.Image, profile: bytes | None = None) -> Image.Image:
    """A new picture: `sketch` (RGBA, sRGB) over `image` (RGB, values in the ICC profile `profile`;
    None: sRGB).

    Of each channel of 8 bits, in whole numbers: (a·sketch + (255 − a)·image) / 255, rounded to the
    nearest, which is never a tie; so where alpha a is 0 the picture keeps its very bytes, and where
    it is 255 it has the sketch's. No gamma is undone: that is how every editor shows it. Raises
    InvalidRequest where the sizes differ.
    """
    require_fit(sketch.size, image.size)
    colours = profiles.from_srgb(sketch.convert("RGB"), profile)
    return blended(image, colours, sketch.getchannel("A"))


def require_fit(size: Size, image_size: Size) -> None:
    """Raises InvalidRequest where a sketch of `size` does not lie pixel on pixel."""
    if size != image_size:
        raise InvalidRequest(
            f"it has {size[0]} × {size[1]} pixels, the image {image_size[0]} × {image_size[1]}. "
            "Make them equal.",
            "sketch",
        )


def within(mask: Image.Image, sketched: Image.Image, image: Image.Image) -> Image.Image:
    """`sketched` where `mask` (L) is not 0, elsewhere the bytes of `image`; all of one size."""
    return Image.composite(sketched, image, mask.point([0] + [255] * 255))

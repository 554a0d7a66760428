"""Picture files, from bytes of unknown origin to plain RGB pictures and greyscale masks.

Nothing here trusts the bytes: formats are an explicit list, the size is checked from the header
before anything is decoded, and whatever a decoder stumbles over becomes an `InvalidRequest`.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import cv2
import numpy as np
from PIL import Image, ImageChops

from studio.domain.errors import InvalidRequest
from studio.domain.geometry import Box, Size
from studio.imaging import profiles
from studio.imaging.turns import Turns

MAX_PIXELS = 64_000_000
"""The largest picture that is taken in or given out, in pixels."""
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM")
"""What is read, by Pillow's names. A JPEG with more pictures in it, as phones write it, then calls
itself MPO."""
WHITE = (255, 255, 255)

decoding = Turns(MAX_PIXELS, most_waiting=16)
"""One for the whole process: one picture of the largest, or many small ones, at a time."""

_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> what sets the picture upright. From 5 on width and height are exchanged."""
_SOLID, _ALIKE = 32, 8
"""A mask's colour counts from so much alpha on, and may differ by so much: an editor that
multiplies colours by alpha and divides again does not come back to the very value."""


def size_of(data: bytes) -> tuple[Size, str]:
    """((width, height), format) as told by the header, the camera's orientation obeyed.

    The format is one of `FORMATS`, or MPO. Raises InvalidRequest for what is no picture or has
    more than 64 megapixels. That a file is truncated shows only when it is decoded.
    """
    image = _opened(data)
    width, height = image.size
    turned = _orientation(image) >= 5
    return ((height, width) if turned else (width, height)), image.format


def picture(data: bytes, background: tuple[int, int, int] = WHITE) -> Image.Image:
    """The RGB picture in `data`, as `with_profile` gives it."""
    return with_profile(data, background)[0]


def with_profile(
    data: bytes, background: tuple[int, int, int] = WHITE
) -> tuple[Image.Image, bytes | None]:
    """(RGB picture in `data`, the ICC profile that its values are in; None for sRGB).

    It is turned as the camera says; of an animation it is the first frame. What is transparent is
    laid on `background`. 16-bit values are scaled, not cut off. The values of an RGB file never
    change; all else that has a colour profile is brought to sRGB, as `profiles` says.
    Raises InvalidRequest as `size_of` does, and for a file that cannot be decoded to its end.
    """
    with _decoded(data) as (image, profile):
        return _opaque(image, background), profile


def values(data: bytes, background: tuple[int, int, int] = WHITE) -> Image.Image:
    """As `picture`, but of a grey file the very values, whatever its profile says of them: for
    maps, whose values are no colours."""
    with _decoded(data, as_colours=False) as (image, _):
        return _opaque(image, background)


def with_alpha(data: bytes) -> Image.Image:
    """The picture in `data` as `picture` gives it, but as RGBA where not all of it is opaque."""
    with _decoded(data) as (image, _):
        return image if _shows_ground(image) else _opaque(image, WHITE)


def sketch(data: bytes) -> Image.Image:
    """The colours in `data` that are laid over a picture: RGBA of sRGB values. A file without an
    alpha channel covers all of it. Raises as `picture` does."""
    with _decoded(data) as (image, profile):
        alpha = image.getchannel("A") if image.mode == "RGBA" else None
        colours = profiles.in_srgb(image.convert("RGB"), profile)
        colours.putalpha(255 if alpha is None else alpha)
        return colours


def small(data: bytes, side: int) -> tuple[Image.Image, bytes | None]:
    """As `with_profile`, made to fit into a square of `side` pixels; a JPEG is decoded no larger
    than it takes. Raises as `picture` does."""
    with _decoded(data, draft=(side, side)) as (image, profile):
        image = _opaque(image, WHITE)
        image.thumbnail((side, side), reducing_gap=2.0)
        return image, profile


def mask(data: bytes) -> Image.Image:
    """The mask in `data` as "L": its luminance, white = repaint.

    A picture that is not opaque everywhere is read by its colours. Of one single colour, it is a
    mask as editors export them: its alpha is the mask. Of several, it is a picture with holes,
    which are what is to be repainted: 255 − alpha is the mask. In grays, it is a mask on which
    what is transparent counts as black. Raises as `picture` does.
    """
    with _decoded(data, as_colours=False) as (image, _):
        if not _shows_ground(image):
            return image.convert("RGB").convert("L") if image.mode == "RGBA" else image.convert("L")
        alpha = image.getchannel("A")
        colours = _colours(image)
        if colours == "one":
            return alpha
        if colours == "several":
            return ImageChops.invert(alpha)
        return _opaque(image, (0, 0, 0)).convert("L")


def check(data: bytes, patient: bool = True) -> None:
    """Decode `data` to its end, to see whether it can be. Raises as `picture` does, and
    `QueueFull` as `Turns.turn` does for those who are not `patient`."""
    image = _opened(data)
    with decoding.turn(image.width * image.height, patient):
        _load(image)


def _shows_ground(image: Image.Image) -> bool:
    return image.mode == "RGBA" and image.getextrema()[3][0] < 255


def _opaque(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    """RGB, what is transparent laid on `background`; by strips, so that it is not there thrice."""
    if not _shows_ground(image):
        return image if image.mode == "RGB" else image.convert("RGB")
    laid = Image.new("RGB", image.size)
    for box in _strips(image.size):
        strip = image.crop(box)
        ground = Image.new("RGBA", strip.size, (*background, 255))
        laid.paste(Image.alpha_composite(ground, strip).convert("RGB"), box[:2])
    return laid


def _colours(image: Image.Image) -> Literal["one", "grays", "several"]:
    """Of all of `image` (RGBA) that can be seen."""
    lows, highs, spread = [255] * 3, [0] * 3, 0
    for box in _strips(image.size):
        *colours, alpha = (np.asarray(channel) for channel in image.crop(box).split())
        opaque = cv2.compare(alpha, _SOLID, cv2.CMP_GE)
        if not opaque.any():
            continue
        for place, channel in enumerate(colours):
            low, high = cv2.minMaxLoc(channel, opaque)[:2]
            lows[place], highs[place] = min(lows[place], low), max(highs[place], high)
        red, green, blue = colours
        most, least = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
        spread = max(spread, cv2.minMaxLoc(cv2.subtract(most, least), opaque)[1])
    if all(high - low <= _ALIKE for low, high in zip(lows, highs, strict=True)):
        return "one"
    return "grays" if spread <= _ALIKE else "several"


def _strips(size: Size) -> Iterator[Box]:
    """Boxes of full width, one below the other, of about a megapixel each."""
    width, height = size
    rows = max(1, 2**20 // width)
    for top in range(0, height, rows):
        yield Box(0, top, width, min(top + rows, height))


def _opened(data: bytes) -> Image.Image:
    """`data`'s header, read; nothing is decoded."""
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError:
        raise InvalidRequest(
            f"the picture has far over {MAX_PIXELS // 10**6} megapixels. Make it smaller first."
        ) from None
    except Exception:  # decoders raise whatever they stumble over
        raise InvalidRequest(
            "this is not a picture that can be read. Send a PNG, JPEG, WebP, GIF, BMP, TIFF or "
            "AVIF file."
        ) from None
    check_size(image.size)
    return image


def check_size(size: Size, what: str = "the picture") -> None:
    """Raises InvalidRequest for a size of nothing or of more than 64 megapixels."""
    width, height = size
    if width < 1 or height < 1:
        raise InvalidRequest(f"{what} is empty ({width} × {height}). Choose another.")
    if width * height > MAX_PIXELS:
        raise InvalidRequest(
            f"{what} has {width} × {height} pixels, {width * height / 1e6:.0f} megapixels; at most "
            f"{MAX_PIXELS // 10**6} are possible. Make it smaller first."
        )


def _orientation(image: Image.Image) -> int:
    """1 to 8 as EXIF counts, from the header alone: `Image.getexif` would decode a whole PNG."""
    if image.format == "TIFF":
        return 1  # Pillow turns these itself
    exif = Image.Exif()
    try:
        exif.load(image.info.get("exif") or b"")
        orientation = exif.get(_ORIENTATION)
        return orientation if orientation in _TURNS else 1
    except Exception:
        return 1  # a broken EXIF part: the picture is there


@contextmanager
def _decoded(
    data: bytes, as_colours: bool = True, draft: Size | None = None
) -> Iterator[tuple[Image.Image, bytes | None]]:
    """(The first frame as RGB, RGBA or L of 8 bits, turned as the camera says; the profile to
    carry). Its pixels are those of the queue's budget while it is in use; profiles of other than
    RGB values are obeyed if it is to be seen `as_colours`. Where its format can be decoded smaller
    it is, but no smaller than `draft`."""
    image = _opened(data)
    if draft is not None:
        image.draft(None, draft)
    with decoding.turn(image.width * image.height):
        turn = _load(image)
        try:
            upright, profile = _plain(image, as_colours)
            upright = upright if turn is None else upright.transpose(turn)
        except Exception as error:
            raise _broken(error) from None
        upright.info = {}  # nothing of the file goes anywhere by itself
        yield upright, profile


def _load(image: Image.Image) -> Image.Transpose | None:
    """Decode it, and say how it is set upright."""
    try:
        turn = _TURNS.get(_orientation(image))
        image.load()
    except Exception as error:
        raise _broken(error) from None
    return turn


def _broken(error: Exception) -> InvalidRequest:
    reason = " ".join(str(error).split())[:120] or type(error).__name__
    return InvalidRequest(
        f"the picture is broken or incomplete ({reason}). Export or download it again."
    )


def _plain(image: Image.Image, as_colours: bool) -> tuple[Image.Image, bytes | None]:
    """`image` as RGB, RGBA or L, whatever mode its file has, and the profile to carry."""
    mode, profile = image.mode, image.info.get("icc_profile")
    if mode == "LAB":
        return profiles.from_lab(image), None
    if mode.startswith("I;16") or mode in ("I", "F"):
        image = _eight_bits(image)
    elif mode in ("LA", "La") or (mode in ("1", "L") and "transparency" in image.info):
        image = image.convert("LA")
    elif mode in ("RGBA", "PA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
    elif mode == "1":
        image = image.convert("L")
    elif mode not in ("RGB", "L", "CMYK"):
        image = image.convert("RGB")
    if not as_colours and image.mode in ("L", "LA"):
        profile = None
    return profiles.brought(image, profile)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Greyscale of 16 bits, 32 bits or floating point as "L"."""
    values = np.asarray(image)
    if image.mode == "F":
        values = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        scale = 255.0 if values.max() <= 1.0 else 1.0  # floating-point files hold 0…1, or 0…255
        values = values * scale
    elif image.mode != "I" or values.max() > 255:
        values = values / 257.0  # 65535 → 255
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))

"""Picture files, from bytes of unknown origin to plain RGB pictures and greyscale masks.

Nothing here trusts the bytes: formats are an explicit list, the size is checked from the header
before anything is decoded, and whatever a decoder stumbles over becomes an `InvalidRequest`.
"""

from __future__ import annotations

import io

import cv2
import numpy as np
from PIL import Image, ImageCms

from studio.domain.errors import InvalidRequest
from studio.domain.geometry import Size

MAX_PIXELS = 64_000_000
"""The largest picture that is taken in or given out, in pixels."""
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM")
"""What is read, by Pillow's names. A JPEG with more pictures in it, as phones write it, then calls
itself MPO."""
WHITE = (255, 255, 255)

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
    """The RGB picture in `data`, turned as the camera says; of an animation the first frame.

    What is transparent is laid on `background`. 16-bit values are scaled, not cut off; CMYK goes
    through its colour profile if it has one. The values of a plain RGB file never change.
    Raises InvalidRequest as `size_of` does, and for a file that cannot be decoded to its end.
    """
    image = _decoded(data)
    if image.mode != "RGBA":
        return image.convert("RGB")
    if image.getextrema()[3][0] == 255:
        return image.convert("RGB")
    ground = Image.new("RGBA", image.size, (*background, 255))
    return Image.alpha_composite(ground, image).convert("RGB")


def with_alpha(data: bytes) -> Image.Image:
    """The picture in `data` as `picture` gives it, but as RGBA where not all of it is opaque."""
    image = _decoded(data)
    if image.mode == "RGBA" and image.getextrema()[3][0] < 255:
        return image
    return image.convert("RGB")


def mask(data: bytes) -> Image.Image:
    """The mask in `data` as "L": its luminance, white = repaint.

    A picture of one single colour that is not opaque everywhere is a mask as editors export them:
    its alpha is the mask. Any other transparency counts as black. Raises as `picture` does.
    """
    image = _decoded(data)
    if image.mode != "RGBA":
        return image.convert("L")
    alpha = image.getchannel("A")
    if alpha.getextrema()[0] == 255:
        return image.convert("RGB").convert("L")
    if _is_one_colour(image):
        return alpha
    ground = Image.new("RGBA", image.size, (0, 0, 0, 255))
    return Image.alpha_composite(ground, image).convert("L")


def _is_one_colour(image: Image.Image) -> bool:
    """Has all of `image` (RGBA) that can be seen one colour?"""
    *colours, alpha = (np.asarray(channel) for channel in image.split())
    opaque = cv2.compare(alpha, _SOLID, cv2.CMP_GE)
    if not opaque.any():
        return True
    ranges = (cv2.minMaxLoc(channel, opaque)[:2] for channel in colours)
    return all(most - least <= _ALIKE for least, most in ranges)


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


def _decoded(data: bytes) -> Image.Image:
    """The first frame as RGB, RGBA or L of 8 bits, turned as the camera says."""
    image = _opened(data)
    try:
        turn = _TURNS.get(_orientation(image))
        image.load()
        upright = _plain(image, image.info.get("icc_profile"))
        return upright if turn is None else upright.transpose(turn)
    except Exception as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise InvalidRequest(
            f"the picture is broken or incomplete ({reason}). Export or download it again."
        ) from None


def _plain(image: Image.Image, profile: bytes | None) -> Image.Image:
    """`image` as RGB, RGBA or L, whatever mode its file has."""
    mode = image.mode
    if mode.startswith("I;16") or mode in ("I", "F"):
        return _eight_bits(image)
    if mode == "CMYK" and profile:
        return _through_profile(image, profile)
    if mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    if mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        return image.convert("RGBA")
    return image if mode in ("RGB", "L") else image.convert("RGB")


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


def _through_profile(image: Image.Image, profile: bytes) -> Image.Image:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, source, srgb, outputMode="RGB")
    except Exception:
        return image.convert("RGB")  # a profile that does not fit: the plain formula

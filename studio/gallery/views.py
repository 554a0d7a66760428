"""Kept pictures as a browser can show them."""

from __future__ import annotations

import io
from typing import Literal

from PIL import Image

from studio.imaging import reading
from studio.imaging.blurring import blurred

Kind = Literal["picture", "mask", "colours", "alpha"]
"""What a kept picture is seen as."""

_MEDIA_TYPES = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
    "AVIF": "image/avif",
}
_PHOTOS = ("JPEG", "MPO", "AVIF")
"""Formats that are lossy themselves."""
_SHOWN_AS_THEY_ARE = ("PNG", "JPEG", "WEBP")
_VEIL_QUALITY = 60
_ORIENTATION = 0x0112
_UPRIGHT = (None, 1)


def media_type(data: bytes) -> str:
    """Of a kept picture, from its content; one that browsers do not know is just bytes."""
    return _MEDIA_TYPES.get(reading.size_of(data)[1], "application/octet-stream")


def media_type_of(suffix: str) -> str:
    """Of a kept picture's file, from the end of its name, which the studio gave."""
    format = {".jpg": "JPEG"}.get(suffix, suffix.removeprefix(".").upper())
    return _MEDIA_TYPES.get(format, "application/octet-stream")


def veiled(data: bytes) -> bytes:
    """The picture of these bytes so blurred that only its colours are told. WebP."""
    image = blurred(reading.picture(data))
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=_VEIL_QUALITY)
    return buffer.getvalue()


def shown(data: bytes, kind: Kind = "picture") -> tuple[bytes, str]:
    """(bytes, media type) of what the engine will see of it: the file itself if a browser shows it
    just so, else a PNG; of a photo a fine JPEG, which takes a tenth of the time. Of any other kind
    a PNG: a mask, the colours of a sketch, its alpha."""
    if kind == "mask":
        return png(reading.mask(data)), "image/png"
    if kind != "picture":
        sketch = reading.sketch(data)
        return png(
            sketch.getchannel("A") if kind == "alpha" else sketch.convert("RGB")
        ), "image/png"
    if _needs_nothing(data):
        return data, media_type(data)
    if reading.size_of(data)[1] in _PHOTOS:
        return _jpeg(*reading.with_profile(data)), "image/jpeg"
    return png(*reading.with_profile(data)), "image/png"


def png(image: Image.Image, profile: bytes | None = None) -> bytes:
    """Quickly packed, with the ICC profile that its values are in (None: sRGB)."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1, icc_profile=profile)
    return buffer.getvalue()


def _jpeg(image: Image.Image, profile: bytes | None) -> bytes:
    """So fine that no eye sees the difference."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=97, subsampling=0, icc_profile=profile)
    return buffer.getvalue()


def _needs_nothing(data: bytes) -> bool:
    """Is it opaque, upright, without a colour profile, not animated, of eight bits a channel?"""
    if reading.size_of(data)[1] not in _SHOWN_AS_THEY_ARE:
        return False
    with Image.open(io.BytesIO(data), formats=_SHOWN_AS_THEY_ARE) as image:
        return (
            image.mode in ("RGB", "L")
            and not image.info.keys() & {"transparency", "icc_profile"}
            and getattr(image, "n_frames", 1) == 1
            and _is_upright(image)
        )


def _is_upright(image: Image.Image) -> bool:
    try:
        return image.getexif().get(_ORIENTATION) in _UPRIGHT
    except Exception:  # Pillow raises many kinds for broken EXIF; a decoded copy has none
        return False

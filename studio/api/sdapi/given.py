"""Pictures as callers send them: base64, bare or as a data-URI."""

from __future__ import annotations

import base64
import binascii
import io
import re

from PIL import Image

from studio.domain.errors import InvalidRequest, shorten
from studio.gallery.inputs import Inputs
from studio.imaging import reading

_DATA_URI = re.compile(r"data:[^,]{0,200};base64,", re.ASCII)
_BLANKS = re.compile(r"\s+")
_ROUND_ABOVE = 128


def decoded(text: str, field: str) -> bytes:
    """The file that `text` holds. Raises `InvalidRequest`, also for a web address: nothing is
    fetched for a caller."""
    if text[:8].lower().startswith(("http://", "https://")):
        raise InvalidRequest(
            f"Invalid encoded image: {shorten(text)} is a web address, and the studio fetches "
            "nothing for a caller. Send the picture itself, as base64.",
            field,
        )
    head = _DATA_URI.match(text)
    bare = _BLANKS.sub("", text[head.end() if head else 0 :])
    try:
        data = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest(
            f"Invalid encoded image: {shorten(text)} is no base64 ({error}).", field
        ) from None
    if not data:
        raise InvalidRequest("Invalid encoded image: it is empty.", field)
    return data


def kept(text: str, field: str, inputs: Inputs) -> str:
    """The picture in `text`, kept, as a task names it. Raises as `decoded` and `Inputs.keep`."""
    data = decoded(text, field)
    try:
        return inputs.keep(data).ref
    except InvalidRequest as error:
        raise InvalidRequest(f"Invalid encoded image: {error.message}", field) from None


def mask(text: str, rounded: bool) -> Image.Image:
    """A mask as AUTOMATIC1111 reads it: its alpha, where that is not opaque everywhere, else how
    light it is; `rounded` to white and black. Raises as `decoded`."""
    data = decoded(text, "mask")
    try:
        image = reading.with_alpha(data)
        mask = image.getchannel("A") if image.mode == "RGBA" else reading.mask(data)
    except InvalidRequest as error:
        raise InvalidRequest(f"Invalid encoded image: {error.message}", "mask") from None
    return mask.point(lambda value: 255 * (value > _ROUND_ABOVE)) if rounded else mask


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def text(data: bytes) -> str:
    """As pictures leave: bare."""
    return base64.b64encode(data).decode("ascii")

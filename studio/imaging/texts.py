"""What a picture's file says in words: a PNG's text chunks, and the UserComment of EXIF, where JPEG
and WebP have it. Of files of unknown origin: nothing is unpacked or kept beyond bounds."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator

from PIL import Image

from studio.domain.errors import InvalidRequest

MOST_TEXT_BYTES = 2**20
"""Of one text, unpacked; Pillow opens no file with a longer packed one."""
MOST_TEXTS_BYTES = 8 * 2**20
"""Of all texts of a file together, as they lie in it."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt")
_EXIF, _USER_COMMENT = 0x8769, 0x9286
_ENCODINGS = {b"UNICODE\0": "utf-16", b"ASCII\0\0\0": "ascii", b"\0" * 8: "utf-8"}


def of(data: bytes) -> dict[str, str]:
    """Keyword -> text; what stands in a UserComment is called `parameters`, as in a PNG.

    Raises `InvalidRequest` where there is more of it than is read.
    """
    if data.startswith(_SIGNATURE):
        return _of_png(data)
    comment = _user_comment(data)
    return {"parameters": comment} if comment else {}


def _of_png(data: bytes) -> dict[str, str]:
    texts: dict[str, str] = {}
    size_bytes = 0
    for kind, chunk in _chunks(data):
        if kind in _TEXT_CHUNKS:
            size_bytes += len(chunk)
            if size_bytes > MOST_TEXTS_BYTES:
                raise _too_much()
            keyword, _, rest = bytes(chunk).partition(b"\0")
            text = _text(kind, rest)
            if text is not None:
                texts.setdefault(keyword.decode("latin-1"), text)
    return texts


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Up to where the file is cut off, if it is."""
    view, at = memoryview(data), len(_SIGNATURE)
    while at + 8 <= len(data):
        length = int.from_bytes(view[at : at + 4], "big")
        yield bytes(view[at + 4 : at + 8]), view[at + 8 : at + 8 + length]
        at += 12 + length


def _text(kind: bytes, rest: bytes) -> str | None:
    """None for one that is damaged."""
    encoding, packed = "latin-1", kind == b"zTXt"
    if kind == b"zTXt":
        rest = rest[1:]
    elif kind == b"iTXt":
        packed, rest, encoding = rest[:1] == b"\x01", rest[2:], "utf-8"
        for _ in ("language", "keyword in it"):
            rest = rest.partition(b"\0")[2]
    if packed:
        try:
            unpacker = zlib.decompressobj()
            rest = unpacker.decompress(rest, MOST_TEXT_BYTES + 1)
        except zlib.error:
            return None
    if len(rest) > MOST_TEXT_BYTES:
        raise _too_much()
    return rest.decode(encoding, "replace")


def _user_comment(data: bytes) -> str:
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "WEBP", "AVIF")) as image:
            exif = Image.Exif()
            exif.load(image.info.get("exif") or b"")
            comment = exif.get_ifd(_EXIF).get(_USER_COMMENT) or b""
    except Exception:  # Pillow raises many kinds for broken files; the picture may be there
        return ""
    if isinstance(comment, str):
        return comment
    if len(comment) > MOST_TEXT_BYTES:
        raise _too_much()
    encoding = _ENCODINGS.get(bytes(comment[:8]))
    if encoding == "utf-16":  # of either order of bytes, which EXIF leaves open
        text = comment[8:]
        order = "utf-16-be" if text[:1] == b"\0" else "utf-16-le"
        return text.decode(order, "replace").rstrip("\0")
    text = comment[8:] if encoding else comment
    return text.decode(encoding or "utf-8", "replace").rstrip("\0")


def _too_much() -> InvalidRequest:
    return InvalidRequest(
        f"the file holds more text than is read: at most {MOST_TEXT_BYTES // 2**20} MB in one "
        f"piece and {MOST_TEXTS_BYTES // 2**20} MB in all. Save the picture without its metadata "
        "first."
    )

"""EXIF of unknown origin: the few tags in which studios write, and no others."""

from __future__ import annotations

import struct
from typing import Literal

MOST_ENTRIES = 1000
"""Of a directory."""
MOST_BYTES = 4 * 2**20
"""Of a value."""

_EXIF_DIRECTORY, _USER_COMMENT = 0x8769, 0x9286
_TAGS = {
    0x010D: "DocumentName",
    0x010E: "ImageDescription",
    0x010F: "Make",
    0x0110: "Model",
    0x0131: "Software",
    _USER_COMMENT: "UserComment",
    0x927C: "MakerNote",
    0x9C9C: "XPComment",
}
_OF_BYTES = (1, 2, 7)
"""Types: BYTE, ASCII, UNDEFINED."""
_SAMPLE = 4096


def texts(data: bytes) -> dict[str, str]:
    """Tag's name -> text, of a TIFF structure that begins at the first byte, or after "Exif"."""
    data = data.removeprefix(b"Exif\0\0")
    order: Literal["<", ">"] | None = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None or len(data) < 8:
        return {}
    [first] = struct.unpack_from(f"{order}I", data, 4)
    found: dict[str, str] = {}
    further = _directory(data, order, first, found)
    if further is not None:
        _directory(data, order, further, found)
    return {name: text for name, text in found.items() if text}


def _directory(data: bytes, order: str, at: int, found: dict[str, str]) -> int | None:
    """Read one into `found`; returns where the second one lies, if it says so."""
    if at + 2 > len(data):
        return None
    [count] = struct.unpack_from(f"{order}H", data, at)
    further = None
    for place in range(min(count, MOST_ENTRIES)):
        entry = at + 2 + 12 * place
        if entry + 12 > len(data):
            break
        tag, kind, size = struct.unpack_from(f"{order}HHI", data, entry)
        [where] = struct.unpack_from(f"{order}I", data, entry + 8)
        if tag == _EXIF_DIRECTORY:
            further = where
        elif tag in _TAGS and kind in _OF_BYTES and size <= MOST_BYTES:
            begin = entry + 8 if size <= 4 else where
            found.setdefault(_TAGS[tag], _text(tag, data[begin : begin + size]))
    return further


def _text(tag: int, value: bytes) -> str:
    if tag == _USER_COMMENT:
        return user_comment(value)
    if _TAGS[tag] == "XPComment":
        return value.decode("utf-16-le", "replace").rstrip("\0")
    return value.decode("utf-8", "replace").rstrip("\0")


def user_comment(value: bytes) -> str:
    """With the eight bytes before it that say which characters they are, or without."""
    charset, rest = value[:8].rstrip(b"\0 ").upper(), value[8:]
    if charset == b"UNICODE":
        return _utf16(rest)
    if charset == b"JIS":
        return _first_that_fits(rest, "iso2022_jp", "cp932")
    if charset == b"ASCII" or value[:8] == b"\0" * 8:
        return _first_that_fits(rest, "utf-8", "latin-1")
    return _first_that_fits(value, "utf-8", "latin-1")


def _utf16(value: bytes) -> str:
    """Of either order, which EXIF leaves open: without a mark, that in which more is ASCII."""
    if value[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return value.decode("utf-16", "replace").rstrip("\0")
    sample = value[:_SAMPLE]
    ascii_of = {
        codec: sum(0 < ord(c) < 128 for c in sample.decode(codec, "replace"))
        for codec in ("utf-16-be", "utf-16-le")
    }
    return value.decode(max(ascii_of, key=ascii_of.get), "replace").rstrip("\0")


def _first_that_fits(value: bytes, *codecs: str) -> str:
    for codec in codecs:
        try:
            return value.decode(codec).rstrip("\0")
        except UnicodeDecodeError:
            continue
    return value.decode("utf-8", "replace").rstrip("\0")

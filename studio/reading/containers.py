"""Picture files of unknown origin, walked through for what they say beside the picture: nothing of
it is decoded, and the walk ends where a file is cut off."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

MOST_PARTS = 100_000
"""Chunks, segments, boxes or blocks that are looked at: more than any file has that was meant."""

Part = tuple[str, bytes]
"""What it is ("exif", "xmp", "comment"), and its bytes."""

_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_FILL = re.compile(rb"\xff*")
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
_START_OF_SCAN, _APP1, _COMMENT = 0xDA, 0xE1, 0xFE


def parts(data: bytes) -> Iterator[Part] | None:
    """Of a JPEG, WebP, AVIF, GIF or TIFF; None for anything else."""
    if data.startswith(b"\xff\xd8"):
        return _jpeg(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    if data[4:8] == b"ftyp" and data[8:12] in (b"avif", b"avis", b"mif1", b"heic"):
        return _avif(data)
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return _gif(data)
    if data[:4] in (b"II*\0", b"MM\0*"):
        return iter([("exif", data)])
    return None


def _jpeg(data: bytes) -> Iterator[Part]:
    at = 2
    for _ in range(MOST_PARTS):
        at = max(_FILL.match(data, at).end() - 1, at)
        if at + 4 > len(data) or data[at] != 0xFF or data[at + 1] == _START_OF_SCAN:
            return
        marker = data[at + 1]
        at += 2
        if marker in _WITHOUT_LENGTH:
            continue
        length = int.from_bytes(data[at : at + 2], "big")
        segment = data[at + 2 : at + length]
        at += max(length, 2)
        if marker == _COMMENT:
            yield "comment", segment
        elif marker == _APP1 and segment.startswith(b"Exif\0\0"):
            yield "exif", segment
        elif marker == _APP1 and segment.startswith(_XMP):
            yield "xmp", segment.removeprefix(_XMP)


def _webp(data: bytes) -> Iterator[Part]:
    at = 12
    for _ in range(MOST_PARTS):
        if at + 8 > len(data):
            return
        kind, [length] = data[at : at + 4], struct.unpack_from("<I", data, at + 4)
        if kind in (b"EXIF", b"XMP "):
            name = "exif" if kind == b"EXIF" else "xmp"
            yield name, data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _gif(data: bytes) -> Iterator[Part]:
    at = 13 + _colours(data, 10)
    left = MOST_PARTS
    while at < len(data) and left > 0:
        kind = data[at]
        if kind == 0x2C:
            at += 11 + _colours(data, at + 9)
        elif kind == 0x21:
            at += 2
        else:
            return
        is_comment = kind == 0x21 and data[at - 1] == 0xFE
        blocks = []
        while at < len(data) and data[at] and left > 0:
            if is_comment:
                blocks.append(data[at + 1 : at + 1 + data[at]])
            at += 1 + data[at]
            left -= 1
        at += 1
        left -= 1
        if blocks:
            yield "comment", b"".join(blocks)


def _colours(data: bytes, at: int) -> int:
    """Bytes of the table that the flags at `at` announce."""
    flags = data[at] if at < len(data) else 0
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(Kind, where its content begins, where it ends) of the boxes of ISO/IEC 14496-12."""
    for _ in range(MOST_PARTS):
        if at + 8 > end:
            return
        length, kind, head = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if length == 1 and at + 16 <= end:
            length, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        stop = end if length == 0 else at + length
        if length and length < head:
            return
        yield kind, at + head, min(stop, end)
        at = stop


def _avif(data: bytes) -> Iterator[Part]:
    for kind, begin, end in _boxes(data, 0, len(data)):
        if kind == b"meta":
            inner = {kind: (b, e) for kind, b, e in _boxes(data, begin + 4, end)}
            names = dict(_item_names(data, *inner.get(b"iinf", (0, 0))))
            idat = inner.get(b"idat", (0, 0))[0]
            for id, where, length in _item_places(data, *inner.get(b"iloc", (0, 0)), idat):
                if names.get(id) == "exif":  # four bytes say where the TIFF structure begins
                    skip = int.from_bytes(data[where : where + 4], "big")
                    yield "exif", data[where + 4 + skip : where + length]
                elif names.get(id) == "xmp":
                    yield "xmp", data[where : where + length]
            return


def _item_names(data: bytes, begin: int, end: int) -> Iterator[tuple[int, str]]:
    """(Item, "exif" or "xmp") of those that are either."""
    at = begin + (6 if data[begin : begin + 1] == b"\0" else 8)
    for kind, entry, stop in _boxes(data, at, end):
        if kind == b"infe" and stop - entry >= 12:
            wide = data[entry] >= 3
            id = int.from_bytes(data[entry + 4 : entry + (8 if wide else 6)], "big")
            name = data[entry + (10 if wide else 8) :][:4]
            if name == b"Exif":
                yield id, "exif"
            elif name == b"mime" and b"rdf+xml" in data[entry:stop]:
                yield id, "xmp"


def _item_places(data: bytes, begin: int, end: int, idat: int) -> Iterator[tuple[int, int, int]]:
    """(Item, where it begins, its length), of items in one piece."""
    view = memoryview(data)[begin:end]
    at = 4

    def number(size: int) -> int:
        nonlocal at
        at += size
        return int.from_bytes(view[at - size : at], "big")

    if len(view) < 8:
        return
    version, sizes = view[0], number(2)
    offset, length, base = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index = sizes & 15 if version else 0
    for _ in range(min(number(4 if version == 2 else 2), MOST_PARTS)):
        if at >= len(view):
            return
        id = number(4 if version == 2 else 2)
        in_idat = version > 0 and number(2) & 15 == 1
        number(2)
        start = number(base) + (idat if in_idat else 0)
        for extent in range(min(number(2), 64)):
            number(index)
            where, size = start + number(offset), number(length)
            if extent == 0:
                yield id, where, size

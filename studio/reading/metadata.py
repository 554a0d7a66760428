"""Bytes of unknown origin -> the texts in them. Bounded in time and memory whatever they are, and
nothing that is wrong with them is an error: it is told."""

from __future__ import annotations

import html
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from studio.reading import containers, exif
from studio.reading.containers import MOST_PARTS

MOST_TEXT_BYTES = 4 * 2**20
"""Of one text, unpacked."""
MOST_TEXTS_BYTES = 16 * 2**20
"""Of all texts of a file together, unpacked."""

_PNG = b"\x89PNG\r\n\x1a\n"
_TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt")
_CODECS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_NAMED_JSON = re.compile(r"\s*([A-Za-z_]\w{0,40}):\s*(?=\{)")
_XMP_FIELDS = ("exif:UserComment", "dc:description", "tiff:ImageDescription")


@dataclass
class Metadata:
    """texts       keyword -> text: of a PNG's chunks, of EXIF tags by their names, "comment" of a
                JPEG or GIF, "text" of what is no picture
    is_picture  whether it begins as a picture file does
    damage      (what, why) for each text that could not be read, or not to its end
    is_too_long  one of them, or all together, for being longer than is read
    """

    texts: dict[str, str] = field(default_factory=dict)
    is_picture: bool = True
    damage: list[tuple[str, str]] = field(default_factory=list)
    is_too_long: bool = False
    _size_bytes: int = 0

    def leave(self, name: str) -> None:
        """It is longer than is read."""
        self.damage.append(
            (name, f"It is longer than {_mb(MOST_TEXT_BYTES)}, which is as much as is read.")
        )
        self.is_too_long = True

    def add(self, name: str, text: str) -> None:
        """The first of a name counts. Of `prompt:{…}`, as EXIF has it, the name is "prompt"."""
        if named := _NAMED_JSON.match(text):
            name, text = named[1].lower(), text[named.end() :]
        self._size_bytes += len(text)
        if self._size_bytes > MOST_TEXTS_BYTES:
            self.damage.append(
                (name, f"All texts of a file are read up to {_mb(MOST_TEXTS_BYTES)}.")
            )
            self.is_too_long = True
        elif text.strip():
            self.texts.setdefault(name[:100], text)


def metadata(data: bytes) -> Metadata:
    """What there is to read in a picture file, a text file, or the text itself in UTF-8."""
    found = Metadata()
    if data.startswith(_PNG):
        _read_png(data, found)
        return found
    parts = containers.parts(data)
    if parts is None:
        return _plain(data)
    for kind, value in parts:
        _add(kind, value, found)
    return found


def xmp_of(data: bytes) -> str:
    """The XMP packet in a picture file; "" where there is none."""
    if data.startswith(_PNG):
        return metadata(data).texts.get("XML:com.adobe.xmp", "")
    parts = containers.parts(data) or ()
    return next((value.decode("utf-8", "replace") for kind, value in parts if kind == "xmp"), "")


def _add(kind: str, value: bytes, found: Metadata) -> None:
    if len(value) > MOST_TEXT_BYTES and value[:4] not in (b"II*\0", b"MM\0*"):
        found.leave(kind)
    elif kind == "exif":
        for name, text in exif.texts(value).items():
            found.add(name, text)
    elif kind == "xmp":
        for name, text in _xmp(value.decode("utf-8", "replace")):
            found.add(name, text)
    else:
        found.add(kind, exif.user_comment(value))


def _xmp(text: str) -> Iterator[tuple[str, str]]:
    """(Name as in EXIF, text) of the fields that others write settings into."""
    for name in _XMP_FIELDS:
        begin = text.find(f"<{name}")
        end = text.find(f"</{name}>", begin)
        item = text.find("<rdf:li", begin, end)
        if begin >= 0 and end >= 0 and item >= 0:
            opened, closed = text.find(">", item, end), text.find("</rdf:li>", item, end)
            if 0 <= opened < closed:
                yield name.partition(":")[2], html.unescape(text[opened + 1 : closed])


def _plain(data: bytes) -> Metadata:
    """A text, if it is one."""
    found = Metadata(is_picture=False)
    if len(data) > MOST_TEXT_BYTES:
        found.leave("text")
        return found
    codec = next((codec for mark, codec in _CODECS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(codec)
    except UnicodeDecodeError:
        return found
    if "\0" not in text:
        found.texts["text"] = text.replace("\r\n", "\n")
    return found


def _read_png(data: bytes, found: Metadata) -> None:
    at = len(_PNG)
    for _ in range(MOST_PARTS):
        if at + 8 > len(data):
            break
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if kind == b"IEND":
            return
        end = at + 8 + length
        if kind in _TEXT_CHUNKS or kind == b"eXIf":
            _read_chunk(kind, data[at + 8 : end], data[end : end + 4], found)
        at = end + 4
    found.damage.append(("PNG", "The file is cut off: there may have been more settings."))


def _read_chunk(kind: bytes, chunk: bytes, checksum: bytes, found: Metadata) -> None:
    if kind == b"eXIf":
        return _add("exif", chunk, found)
    keyword, _, rest = chunk[: MOST_TEXT_BYTES + 200].partition(b"\0")
    name = keyword[:100].decode("latin-1")
    if len(checksum) < 4:
        found.damage.append((name, "The file is cut off in the middle of this text."))
        return None
    if len(chunk) > MOST_TEXT_BYTES:
        found.leave(name)
        return None
    if zlib.crc32(chunk, zlib.crc32(kind)) != int.from_bytes(checksum, "big"):
        found.damage.append((name, "Its checksum is wrong: it was read, but may be damaged."))
    text = _unpacked(kind, name, rest, found)
    if text is not None:
        found.add(name, text)
    return None


def _unpacked(kind: bytes, name: str, rest: bytes, found: Metadata) -> str | None:
    """The chunk's text; None, and it is told, where it cannot be read."""
    codec, packed = "latin-1", kind == b"zTXt"
    if kind == b"zTXt":
        rest = rest[1:]
    elif kind == b"iTXt":
        codec, packed, rest = "utf-8", rest[:1] == b"\x01", rest[2:]
        for _ in ("language", "translated keyword"):
            rest = rest.partition(b"\0")[2]
    if packed:
        unpacker = zlib.decompressobj()
        try:
            rest = unpacker.decompress(rest, MOST_TEXT_BYTES + 1)
        except zlib.error:
            found.damage.append((name, "It is packed, and cannot be unpacked: it is damaged."))
            return None
        if len(rest) > MOST_TEXT_BYTES:
            found.leave(name)
            return None
    return rest.decode(codec, "replace")


def _mb(size_bytes: int) -> str:
    return f"{size_bytes // 2**20} MB"

"""Picture files with texts in them, written as each format has it."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image
from PIL.PngImagePlugin import PngInfo


def picture(size: tuple[int, int] = (8, 8), mode: str = "RGB") -> Image.Image:
    return Image.new(mode, size, "teal")


def png(**texts: str) -> bytes:
    """Keyword -> text; a double underscore in a keyword stands for a hyphen."""
    info = PngInfo()
    for name, text in texts.items():
        info.add_text(name.replace("__", "-"), text)
    return encoded(picture(), "PNG", pnginfo=info)


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def chunk(kind: bytes, content: bytes, length: int | None = None, crc: int | None = None) -> bytes:
    """One of a PNG, its length and checksum right unless they are given."""
    crc = zlib.crc32(kind + content) if crc is None else crc
    length = len(content) if length is None else length
    return struct.pack(">I", length) + kind + content + struct.pack(">I", crc)


def png_of(*chunks: bytes) -> bytes:
    """A PNG with `chunks` after its header, and all that a picture needs."""
    whole = png()
    header = 8 + 25
    return whole[:header] + b"".join(chunks) + whole[header:]


def with_exif(format: str, comment: bytes, **tags: str) -> bytes:
    """A picture whose UserComment is `comment`; `tags` are further ones of EXIF by their names."""
    exif = Image.Exif()
    exif[0x0131] = "a test"  # Pillow takes EXIF without a tag in its first directory for none
    names = {"ImageDescription": 0x010E, "Make": 0x010F, "Model": 0x0110, "Software": 0x0131}
    for name, text in tags.items():
        exif[names[name]] = text
    if comment:
        exif.get_ifd(0x8769)[0x9286] = comment
    return encoded(picture(), format, exif=exif)

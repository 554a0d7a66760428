"""Pictures as files to give away: in another format, with or without settings, many at once."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Literal

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.domain.errors import NotFound
from studio.imaging import reading
from studio.reading.automatic1111 import NAMES
from studio.reading.metadata import metadata

Format = Literal["png", "jpeg", "webp"]
SUFFIXES: dict[Format, str] = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}

_QUALITY = {"jpeg": 95, "webp": 95}
_EXIF, _USER_COMMENT = 0x8769, 0x9286
_MOST_EXIF_BYTES = 65_000
"""Of a JPEG's segment."""


def converted(data: bytes, format: Format, settings: bool) -> bytes:
    """The picture in `data` as a file of `format`; with its `settings` as they stand in it, or with
    no text at all. Of a JPEG or WebP the infotext alone, in EXIF's UserComment. Raises
    `InvalidRequest` for what cannot be decoded."""
    said = metadata(data).texts if settings else {}
    image, profile = reading.with_profile(data)
    buffer = io.BytesIO()
    if format == "png":
        info = PngInfo()
        for keyword, text in said.items():
            info.add_text(keyword, text)
        image.save(buffer, "PNG", pnginfo=info, compress_level=6, icc_profile=profile)
        return buffer.getvalue()
    options = {"quality": _QUALITY[format], "icc_profile": profile}
    if infotext := next((said[name] for name in NAMES if name in said), ""):
        options["exif"] = _user_comment(infotext)
    if format == "jpeg":
        options |= {"subsampling": 0, "optimize": True}
    image.save(buffer, format.upper(), **options)
    return buffer.getvalue()


def archive(files: Iterable[tuple[str, datetime, Callable[[], bytes]]]) -> Iterator[bytes]:
    """A zip of (name, time, what gives its bytes), piece by piece: one file is in memory at a time.
    One that is gone meanwhile is left out."""
    pieces = _Pieces()
    with zipfile.ZipFile(pieces, "w", zipfile.ZIP_STORED) as zipped:
        for name, made, data in files:
            try:
                content = data()
            except NotFound:
                continue
            info = zipfile.ZipInfo(name, max(made, _EARLIEST).timetuple()[:6])
            info.external_attr = 0o644 << 16
            zipped.writestr(info, content)
            yield pieces.taken()
    yield pieces.taken()


_EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)
"""That a zip knows."""


class _Pieces(io.RawIOBase):
    """What was written since it was last taken."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def taken(self) -> bytes:
        piece, self._written = bytes(self._written), bytearray()
        return piece


def _user_comment(text: str) -> bytes:
    """As other programs of the field read it."""
    exif = Image.Exif()
    encoded = text.encode("utf-16-be", "surrogatepass")[:_MOST_EXIF_BYTES]
    exif.get_ifd(_EXIF)[_USER_COMMENT] = b"UNICODE\0" + encoded
    return exif.tobytes()

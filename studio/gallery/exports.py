"""Pictures as files to give away: in another format or size, with or without settings."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Annotated, Literal

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydantic import BaseModel, ConfigDict, Field

from studio.domain.errors import InvalidRequest
from studio.domain.events import Picture
from studio.gallery import export_names
from studio.gallery.details import details
from studio.gallery.files import Gallery
from studio.imaging import profiles, reading
from studio.provenance import xmp
from studio.reading.automatic1111 import NAMES
from studio.reading.metadata import metadata
from studio.store.pictures import PictureRow

log = logging.getLogger(__name__)

Format = Literal["png", "jpeg", "webp", "avif"]
SUFFIXES: dict[Format, str] = {"png": ".png", "jpeg": ".jpg", "webp": ".webp", "avif": ".avif"}
Again = Callable[[bytes, bytes], bytes]
_FORMATS = {suffix: format for format, suffix in SUFFIXES.items()}

QUALITY = 95
MOST_SIDE = 16384
_EXIF, _USER_COMMENT = 0x8769, 0x9286
_MOST_EXIF_BYTES = 65_000
"""Of a JPEG's segment."""


class Export(BaseModel):
    """How a picture is given away.

    format    None: as it lies in the library, as far as nothing else is asked for
    quality   of JPEG, WebP and AVIF, 1 to 100; PNG loses nothing
    side      the longer side in pixels, at most: nothing is enlarged; None: its own
    srgb      values brought to sRGB, and its profile in the file; else those that it has
    settings  what made it stands in it; else no text of any kind
    name      a pattern, see `export_names`; None: the picture's id
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Format | None = None
    quality: Annotated[int, Field(ge=1, le=100)] = QUALITY
    side: Annotated[int | None, Field(ge=16, le=MOST_SIDE)] = None
    srgb: bool = False
    settings: bool = True
    name: Annotated[str | None, Field(max_length=500)] = None

    def suffix(self, own: str) -> str:
        """That of the file, where it is `own` in the library."""
        if self.format:
            return SUFFIXES[self.format]
        return own if self.keeps(own) or own in _FORMATS else ".png"

    def keeps(self, own: str) -> bool:
        """Whether the very bytes of the library are given."""
        is_own = self.format is None or SUFFIXES[self.format] == own
        loses = self.quality != QUALITY and own != ".png"
        return is_own and self.settings and not (self.srgb or self.side or loses)


@dataclass(frozen=True)
class _Ready:
    image: Image.Image
    profile: bytes | None


def named(gallery: Gallery, row: PictureRow, export: Export) -> str:
    """The file's name. Raises `InvalidRequest` for a pattern that asks for what there is not."""
    request = None
    if export.name:
        export_names.check(export.name)
        if export_names.needs_request(export.name):
            request = details(gallery, row.id).request
    return export_names.file_name(export.name, row, request, export.suffix(own_suffix(row)))


def own_suffix(row: PictureRow) -> str:
    """That of the file in the library."""
    return PurePath(row.path).suffix or ".png"


def exported(data: bytes, own: str, export: Export, again: Again | None) -> bytes:
    """The picture in `data`, a file that ends on `own` in the library. JPEG, WebP and AVIF have the
    infotext alone, in EXIF's UserComment, and the digital source type in XMP. `again` gives a file
    that was made from another credentials that say so (`Gallery.again`); None: nobody signs.
    Raises `InvalidRequest` for what cannot be decoded."""
    if export.keeps(own):
        return data
    said = metadata(data).texts if export.settings else {}
    ready, format = _ready(data, export), _FORMATS[export.suffix(own)]
    return _signed(_written(ready, said, format, export), data, export, again)


def file_of(gallery: Gallery, picture: Picture, image: Image.Image, format: Format) -> bytes:
    """The file of a picture that is not in the library, as one from there would be given away.
    `image`: what is in it, the picture's own or made of that, as in another size."""
    data, export = gallery.file(picture), Export(format=format)
    if image is picture.image:
        return exported(data, ".png", export, gallery.again)
    ready = _Ready(image.convert("RGB"), picture.profile)
    made = _written(ready, metadata(data).texts, format, export)
    return _signed(made, data, export, gallery.again)


def _written(ready: _Ready, said: Mapping[str, str], format: Format, export: Export) -> bytes:
    buffer = io.BytesIO()
    if format == "png":
        info = PngInfo()
        for keyword, text in said.items():
            add = info.add_itxt if keyword == xmp.KEYWORD else info.add_text
            add(keyword, text)
        ready.image.save(buffer, "PNG", pnginfo=info, compress_level=6, icc_profile=ready.profile)
        return buffer.getvalue()
    options = {"quality": export.quality, "icc_profile": ready.profile}
    if infotext := next((said[name] for name in NAMES if name in said), ""):
        options["exif"] = _user_comment(infotext)
    if packet := said.get(xmp.KEYWORD):
        options["xmp"] = packet.encode()
    if format in ("jpeg", "avif"):
        options["subsampling"] = "4:4:4"
    ready.image.save(buffer, format.upper(), **options)
    return buffer.getvalue()


def _signed(data: bytes, before: bytes, export: Export, again: Again | None) -> bytes:
    if again is None or not export.settings:
        return data
    try:
        return again(data, before)
    except InvalidRequest as error:
        log.warning("%s", error)
        return data


def _ready(data: bytes, export: Export) -> _Ready:
    image, profile = reading.with_profile(data)
    if export.srgb:
        image, profile = profiles.in_srgb(image, profile), profiles.SRGB
    if export.side and export.side < max(image.size):
        image.thumbnail((export.side, export.side), Image.Resampling.LANCZOS)
    return _Ready(image, profile)


def _user_comment(text: str) -> bytes:
    """As other programs of the field read it."""
    exif = Image.Exif()
    encoded = text.encode("utf-16-be", "surrogatepass")[:_MOST_EXIF_BYTES]
    exif.get_ifd(_EXIF)[_USER_COMMENT] = b"UNICODE\0" + encoded
    return exif.tobytes()

"""Many pictures on one sheet, with what is different between them beside them."""

from __future__ import annotations

import io
import logging
import math
from collections.abc import Callable, Sequence
from functools import cache

from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from studio.domain import grids
from studio.domain.errors import InvalidRequest
from studio.domain.grids import GridInput
from studio.gallery.files import Gallery
from studio.imaging import reading
from studio.provenance import xmp
from studio.reading.metadata import metadata, xmp_of

log = logging.getLogger(__name__)

MOST_PIXELS = 64 * 10**6
"""Of a sheet; larger ones are made smaller."""
_GROUND, _INK, _EMPTY = "white", (20, 20, 20), (232, 232, 232)
_GAP = 8
_UNKNOWN = 128
"""The side of places of which none has a picture yet."""

Picture = Callable[[tuple[int, int, int]], Image.Image | None]
"""A place along x, y and z -> what was drawn there; None: nothing yet."""


def of_grid(grid: GridInput, picture: Picture, z: int = 0) -> Image.Image:
    """The sheet of `grid` at `z` along its third axis, 0 being the first. Raises `InvalidRequest`
    where there are fewer."""
    across, down, deep = grids.lines(grid)
    if z >= len(deep.values):
        raise InvalidRequest(f"there are {len(deep.values)} sheets, the first being 0.", "z")
    count = len(across.values) * len(down.values)
    rows = [
        [shrunk(picture((x, y, z)), count) for x in range(len(across.values))]
        for y in range(len(down.values))
    ]
    if grid.columns:
        labels = across.labels if grid.legend else ()
        return contact_sheet(rows[0], grid.columns, labels, grid.margin)
    if not grid.legend:
        return sheet(rows, margin=grid.margin)
    return sheet(rows, across.labels, down.labels, deep.labels[z], grid.margin)


def of_pictures(
    gallery: Gallery, ids: Sequence[str], columns: int | None = None, margin: int = 0
) -> bytes:
    """A contact sheet of them, PNG, with the infotext of the first. Raises `NotFound`."""
    first = metadata(gallery.bytes(ids[0])).texts.get("parameters", "")
    shown, terms = [], []
    for id in ids:
        data = gallery.bytes(id)
        shown.append(shrunk(reading.picture(data), len(ids)))
        terms.append(xmp.term_in(xmp_of(data)))
    # What was imported may be nobody's drawing, and need not say what it is.
    term = xmp.together(terms)
    return png_of(gallery, contact_sheet(shown, columns, margin=margin), term, first)


def png_of(gallery: Gallery, picture: Image.Image, term: str | None, infotext: str = "") -> bytes:
    """The file of a sheet of pictures of the digital source type `term` (None: nobody knows), which
    says that it is one (`studio-sheet`): its settings, where there are any, draw one picture of it.
    Signed where those of `gallery` are."""
    texts = PngInfo()
    texts.add_text("studio-sheet", "true")
    if term:
        texts.add_itxt(xmp.KEYWORD, xmp.packet(term))
    if infotext:
        texts.add_text("parameters", infotext)
    stream = io.BytesIO()
    picture.save(stream, "PNG", compress_level=1, pnginfo=texts)
    data = stream.getvalue()
    if term is None or gallery.together is None:
        return data
    try:
        return gallery.together(data, term)
    except InvalidRequest as error:
        log.warning("A sheet has no content credentials: %s", error)
        return data


def shrunk(picture: Image.Image | None, count: int) -> Image.Image | None:
    """`picture` small enough for a sheet of `count` such, so that no more is held in memory."""
    if picture is None or picture.width * picture.height * count <= MOST_PIXELS:
        return picture
    side = (MOST_PIXELS / (picture.width * picture.height * count)) ** 0.5
    size = max(1, int(picture.width * side)), max(1, int(picture.height * side))
    return picture.resize(size, Image.Resampling.LANCZOS)


def contact_sheet(
    pictures: Sequence[Image.Image | None],
    columns: int | None = None,
    labels: Sequence[str] = (),
    margin: int = _GAP,
) -> Image.Image:
    """`pictures` (RGB; None: there is none yet) row after row, nearly as many rows as columns where
    these are not given, with a label under each."""
    columns = columns or math.ceil(math.sqrt(len(pictures)))
    shown = list(pictures)
    if labels:
        sizes = [picture.size for picture in shown if picture is not None] or [(256, 256)]
        shown = [
            _labelled(picture or Image.new("RGB", sizes[0], _EMPTY), label)
            for picture, label in zip(shown, labels, strict=True)
        ]
    rows = [shown[at : at + columns] for at in range(0, len(shown), columns)]
    lacking = len(rows[0]) - len(rows[-1])
    return sheet([*rows[:-1], [*rows[-1], *[None] * lacking]], margin=margin, empty=_GROUND)


def _labelled(picture: Image.Image, label: str) -> Image.Image:
    size = _letters(max(picture.size))
    height = _wrapped_height([label], size, [picture.width])
    canvas = Image.new("RGB", (picture.width, picture.height + height), _GROUND)
    canvas.paste(picture, (0, 0))
    _write(ImageDraw.Draw(canvas), label, (0, picture.height, picture.width, height), size)
    return canvas


def _letters(side: int) -> int:
    """How large they are beside pictures of that side, in pixels."""
    return max(12, min(48, side // 12))


def sheet(
    rows: Sequence[Sequence[Image.Image | None]],
    columns: Sequence[str] = (),
    lines: Sequence[str] = (),
    title: str = "",
    margin: int = _GAP,
    *,
    empty: str | tuple[int, int, int] = _EMPTY,
) -> Image.Image:
    """`rows` of pictures (RGB; None: there is none yet, and the place is `empty`), `margin` pixels
    between and around them, with a label above each of its `columns`, at the left of each of its
    `lines`, and a `title` above all. Columns are as wide as their widest picture, rows as high as
    their highest."""
    widths = [_most([row[at] for row in rows], 0) for at in range(len(rows[0]))]
    heights = [_most(row, 1) for row in rows]
    typical = max(*widths, *heights) or _UNKNOWN
    widths = [width or typical for width in widths]
    heights = [height or typical for height in heights]
    size = _letters(typical)
    left = _label_width(lines, size, typical)
    top_labels = _wrapped_height(columns, size, widths)
    head = (size * 2 if title else 0) + top_labels
    total = (
        left + sum(widths) + margin * (len(widths) + 1),
        head + sum(heights) + margin * (len(heights) + 1),
    )
    canvas = Image.new("RGB", total, _GROUND)
    draw = ImageDraw.Draw(canvas)
    if title:
        draw.text((_GAP, size // 2), title, _INK, _font(size))
    x_at = left + margin
    for at, width in enumerate(widths):
        if columns:
            _write(draw, columns[at], (x_at, head - top_labels, width, top_labels), size)
        x_at += width + margin
    y_at = head + margin
    for at, (row, height) in enumerate(zip(rows, heights, strict=True)):
        if left:
            _write(draw, lines[at], (0, y_at, left, height), size)
        x_at = left + margin
        for picture, width in zip(row, widths, strict=True):
            if picture is None:
                draw.rectangle((x_at, y_at, x_at + width - 1, y_at + height - 1), empty)
            else:
                canvas.paste(picture, (x_at, y_at))
            x_at += width + margin
        y_at += height + margin
    return _within(canvas)


def _within(canvas: Image.Image) -> Image.Image:
    pixels = canvas.width * canvas.height
    if pixels <= MOST_PIXELS:
        return canvas
    scale = (MOST_PIXELS / pixels) ** 0.5
    smaller = int(canvas.width * scale), int(canvas.height * scale)
    return canvas.resize(smaller, Image.Resampling.LANCZOS)


def _most(pictures: Sequence[Image.Image | None], side: int) -> int:
    return max((picture.size[side] for picture in pictures if picture is not None), default=0)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _label_width(labels: Sequence[str], size: int, most: int) -> int:
    """As wide as the labels need, at most as a picture."""
    if not any(labels):
        return 0
    longest = max(_font(size).getlength(label) for label in labels)
    return int(min(longest + 2 * _GAP, max(most, 8 * size)))


def _wrapped_height(labels: Sequence[str], size: int, widths: Sequence[int]) -> int:
    if not any(labels):
        return 0
    most = max(
        len(_wrapped(label, size, width)) for label, width in zip(labels, widths, strict=True)
    )
    return most * int(size * 1.3) + _GAP


def _wrapped(text: str, size: int, width: int) -> list[str]:
    """`text` in lines of at most `width` pixels, at most six; what is longer is cut off."""
    lines, line = [], ""
    for word in text.split(" "):
        while word and _font(size).getlength(word) > width:  # a word alone is too long
            cut = max(1, int(len(word) * width / _font(size).getlength(word)))
            lines += [line] if line else []
            lines.append(word[:cut])
            line, word = "", word[cut:]
        longer = f"{line} {word}".strip()
        if _font(size).getlength(longer) <= width:
            line = longer
        else:
            lines.append(line)
            line = word
    lines.append(line)
    return lines if len(lines) <= _MOST_LINES else [*lines[: _MOST_LINES - 1], "…"]


_MOST_LINES = 6


def _write(draw: ImageDraw.ImageDraw, text: str, box: tuple[int, int, int, int], size: int) -> None:
    """`text` in the middle of `box` (left, top, width, height)."""
    left, top, width, height = box
    step = int(size * 1.3)
    written = _wrapped(text, size, width - _GAP)
    y_at = top + max(0, (height - step * len(written)) // 2)
    for line in written:
        length = _font(size).getlength(line)
        draw.text((left + max(0, (width - length) / 2), y_at), line, _INK, _font(size))
        y_at += step

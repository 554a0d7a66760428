"""Many pictures on one sheet, with what is different between them beside them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from PIL import Image, ImageDraw, ImageFont

MOST_PIXELS = 64 * 10**6
"""Of a sheet; larger ones are made smaller."""
_GROUND, _INK, _EMPTY = "white", (20, 20, 20), (232, 232, 232)
_GAP = 8


def sheet(
    rows: Sequence[Sequence[Image.Image | None]],
    columns: Sequence[str] = (),
    lines: Sequence[str] = (),
    title: str = "",
) -> Image.Image:
    """`rows` of pictures (RGB; None: there is none yet), with a label above each of its `columns`,
    at the left of each of its `lines`, and a `title` above all. Columns are as wide as their widest
    picture, rows as high as their highest."""
    widths = [_most([row[at] for row in rows], 0) for at in range(len(rows[0]))]
    heights = [_most(row, 1) for row in rows]
    typical = max(*widths, *heights)
    widths = [width or typical for width in widths]
    heights = [height or typical for height in heights]
    size = max(12, min(48, typical // 12))
    left = _label_width(lines, size, typical)
    top_labels = _wrapped_height(columns, size, widths)
    head = (size * 2 if title else 0) + top_labels
    total = (
        left + sum(widths) + _GAP * (len(widths) + 1),
        head + sum(heights) + _GAP * (len(heights) + 1),
    )
    canvas = Image.new("RGB", total, _GROUND)
    draw = ImageDraw.Draw(canvas)
    if title:
        draw.text((_GAP, size // 2), title, _INK, _font(size))
    x_at = left + _GAP
    for at, width in enumerate(widths):
        if columns:
            _write(draw, columns[at], (x_at, head - top_labels, width, top_labels), size)
        x_at += width + _GAP
    y_at = head + _GAP
    for at, (row, height) in enumerate(zip(rows, heights, strict=True)):
        if left:
            _write(draw, lines[at], (0, y_at, left, height), size)
        x_at = left + _GAP
        for picture, width in zip(row, widths, strict=True):
            if picture is None:
                draw.rectangle((x_at, y_at, x_at + width - 1, y_at + height - 1), _EMPTY)
            else:
                canvas.paste(picture, (x_at, y_at))
            x_at += width + _GAP
        y_at += height + _GAP
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

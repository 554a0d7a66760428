"""Maps of where the words of a picture acted, in a small hidden file beside it,
`.NNNNN-seed.words.png`: one under the other in gray, and what they are of in a text chunk."""

from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.domain.errors import NotFound
from studio.domain.files import as_text, read_file
from studio.domain.word_maps import LONGEST_SIDE, MOST_WORDS, WordMap

log = logging.getLogger(__name__)

_TEXT = "words"
_MOST_BYTES = 4 * 2**20


class Kept(NamedTuple):
    """`png` has the maps of `words` one under the other, each of `size`, (width, height)."""

    png: bytes
    words: tuple[WordMap, ...]
    size: tuple[int, int]


def beside(picture: Path) -> Path:
    """Where those of a picture lie."""
    return picture.with_name(f".{picture.stem}.words.png")


def write(picture: Path, words: Sequence[WordMap]) -> None:
    """In one step; where the disk takes none the picture is without, which is logged."""
    path = beside(picture)
    partial = path.with_name(f"{path.name}.new")
    try:
        partial.write_bytes(encode(words))
        os.replace(partial, path)
    except OSError as error:
        log.warning("%s cannot be written: %s", as_text(path), error)
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def read(id: str, picture: Path) -> Kept:
    """Of the picture `id`. Raises `NotFound` where it has none."""
    try:
        data = read_file(beside(picture), _MOST_BYTES)
    except FileNotFoundError:
        raise NotFound(
            f"Where the words of picture {id} acted was not looked at while it was drawn. Turn on "
            "“Where words act” and draw it again: with the same seed it is the same picture."
        ) from None
    try:
        return decode(data)
    except (OSError, ValueError, KeyError, TypeError, SyntaxError, RecursionError) as error:
        raise NotFound(
            f"The maps of the words of picture {id} cannot be read: {error}. Draw it again."
        ) from None


def move(picture: Path, target: Path) -> None:
    """Follow a picture that is moved to `target`. Never raises for the disk."""
    try:
        os.replace(beside(picture), beside(target))
    except FileNotFoundError:
        pass
    except OSError as error:
        log.warning("%s cannot be moved: %s", as_text(beside(picture)), error)


def remove(picture: Path) -> None:
    """Never raises for the disk."""
    with suppress(OSError):
        beside(picture).unlink(missing_ok=True)


def encode(words: Sequence[WordMap]) -> bytes:
    """PNG bytes of at least one."""
    width, height = words[0].image.size
    sheet = Image.new("L", (width, height * len(words)))
    for place, word in enumerate(words):
        sheet.paste(word.image, (0, place * height))
    told = [
        {"word": one.word, "start": one.start, "end": one.end}
        | {"share": round(one.share, 5), "peak": round(one.peak, 5)}
        for one in words
    ]
    texts, buffer = PngInfo(), io.BytesIO()
    texts.add_itxt(_TEXT, json.dumps(told, ensure_ascii=False))
    sheet.save(buffer, "PNG", pnginfo=texts)
    return buffer.getvalue()


def decode(data: bytes) -> Kept:
    """What `encode` wrote. Raises as Pillow and `json` do for what it did not write."""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as sheet:
        told = json.loads(sheet.text[_TEXT])
        if not 0 < len(told) <= MOST_WORDS or sheet.height % len(told):
            raise ValueError("there are other maps than words")
        width, height = sheet.width, sheet.height // len(told)
        if max(width, height) > LONGEST_SIDE or sheet.mode != "L":
            raise ValueError("these are no maps")
        words = tuple(
            WordMap(
                word=str(one["word"]),
                start=int(one["start"]),
                end=int(one["end"]),
                share=float(one["share"]),
                peak=float(one["peak"]),
                image=sheet.crop((0, place * height, width, (place + 1) * height)),
            )
            for place, one in enumerate(told)
        )
    return Kept(data, words, (width, height))

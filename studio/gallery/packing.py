"""A picture and its settings <-> PNG bytes."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from PIL.PngImagePlugin import PngInfo

from studio.domain.detailers import MAX_DETAILERS, MOST_THINGS, Detail
from studio.domain.events import Picture
from studio.domain.geometry import Box
from studio.provenance import xmp

_MOST_DETAILS = MAX_DETAILERS * MOST_THINGS
_COMPRESS_LEVEL = 1
"""zlib's fastest: a third of the default's time for a few per cent more bytes."""


def encode(picture: Picture) -> bytes:
    """PNG bytes with the text chunks `parameters` (infotext), `studio` (the request that makes
    this very picture again: of a batch, with its place in it), for one that was stopped
    `studio-partial`, for one with a mask `outside_mask_max_difference`, and where there are
    warnings `studio-warnings`, a JSON list; what else it was made with as `studio-provenance`, and
    where it was made from a picture that its task does not name, that one's hash as
    `studio-origin`, and that of the one which a part of it was put into as `studio-base`, what
    detailers drew once more as `studio-details`, and `studio-mixed` where only a part of a picture
    was kept, `studio-watermark` where there is an invisible mark, and `studio-nsfw`, the score
    of the owner's filter, where that looked; an XMP packet with the digital source type; with the
    picture's colour profile and no other.

    Pillow writes a chunk as iTXt (UTF-8) where tEXt (Latin-1) cannot hold the text.
    """
    request = picture.request
    if request.batch_size > 1:
        # What a device computes depends on how many pictures it draws at once.
        request = request.model_copy(update={"batch_place": picture.place})
    texts = PngInfo()
    texts.add_text("parameters", picture.infotext)
    texts.add_text("studio", request.model_dump_json())
    if picture.partial:
        texts.add_text("studio-partial", "true")
    if picture.outside_mask_max_difference is not None:
        texts.add_text("outside_mask_max_difference", str(picture.outside_mask_max_difference))
    if picture.warnings:
        texts.add_text("studio-warnings", json.dumps(picture.warnings, ensure_ascii=False))
    if picture.provenance is not None:
        texts.add_text("studio-provenance", picture.provenance.json())
    if picture.origin is not None:
        texts.add_text("studio-origin", picture.origin)
    if picture.base is not None:
        texts.add_text("studio-base", picture.base)
    if picture.details:
        texts.add_text("studio-details", json.dumps([asdict(one) for one in picture.details]))
    if picture.mark is not None:
        texts.add_text("studio-watermark", picture.mark.json())
    if picture.nsfw is not None:
        texts.add_text("studio-nsfw", str(picture.nsfw))
    packet = xmp.packet(xmp.term(picture.request))
    texts.add_itxt(xmp.KEYWORD, packet)
    if picture.mixed:
        texts.add_text("studio-mixed", "true")
    buffer = io.BytesIO()
    picture.image.save(
        buffer,
        "PNG",
        pnginfo=texts,
        compress_level=_COMPRESS_LEVEL,
        icc_profile=picture.profile,
    )
    return buffer.getvalue()


def noted(texts: Mapping[str, str]) -> tuple[int | None, tuple[str, ...]]:
    """What `encode` wrote about the mask, and the warnings; nothing where somebody else did."""
    try:
        difference = texts.get("outside_mask_max_difference")
        warnings = json.loads(texts.get("studio-warnings", "[]"))
        return None if difference is None else int(difference), tuple(map(str, warnings))
    except (ValueError, TypeError):
        return None, ()


def nsfw_in(texts: Mapping[str, str]) -> float | None:
    """What `encode` wrote of the filter."""
    try:
        score = float(texts.get("studio-nsfw", ""))
    except ValueError:
        return None
    return min(1.0, max(0.0, score)) if score == score else None


def details_in(texts: Mapping[str, str]) -> tuple[Detail, ...]:
    """What `encode` wrote about the things that were drawn once more."""
    try:
        listed = json.loads(texts.get("studio-details", "[]"))
        return tuple(_detail(**one) for one in listed[:_MOST_DETAILS])
    except (ValueError, TypeError, RecursionError):
        return ()


def _detail(*, box: list[int], area: list[int], score: float, **said: Any) -> Detail:
    return Detail(box=Box(*map(int, box)), area=Box(*map(int, area)), score=float(score), **said)

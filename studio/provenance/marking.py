"""Which mark a picture carries, and where in it."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
from PIL import Image

from studio.domain.events import Picture
from studio.domain.provenance import WrittenMark
from studio.provenance import code, watermark
from studio.reading.metadata import metadata

_MOSTLY_KEPT = 0.1
"""Where more than this share of a picture is left as it was, a mark that was there is kept too."""


def id_of(prompt: str, negative_prompt: str, seed: int) -> int:
    """The id that the mark of a picture says. It depends on what was asked for and on nothing
    else, so that the same request makes the same pixels; of other models, sizes and samplers it is
    the same."""
    asked = "\0".join((prompt, negative_prompt, str(seed))).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(asked).digest()[:4], "big") >> 32 - code.ID_BITS


def written(id: int) -> str:
    """As seven hexadecimal digits."""
    return f"{id:07x}"


def marked(picture: Picture) -> Picture:
    """`picture`, and what it was before its details, with a mark where something was drawn; what
    is the same as in its source stays as it is, to the byte. Pictures under 128 pixels stay
    without."""
    before = picture.before and marked(picture.before)
    bare = dataclasses.replace(picture, before=before)
    if picture.mixed or min(picture.image.size) < watermark.SMALLEST:
        return bare
    was, becomes = picture.source, picture.source
    if before is not None:
        was, becomes = picture.before.image, before.image
    if was is not None and was.size != picture.image.size:
        was = None
    request = picture.request
    id = id_of(request.prompt, request.negative_prompt, picture.seed)
    if was is None:
        image = watermark.marked(picture.image.convert("RGB"), id)
    else:
        kept = np.all(np.asarray(picture.image) == np.asarray(was), axis=2)
        if kept.all():
            return dataclasses.replace(bare, image=becomes, mark=before and before.mark)
        id = _id_there(becomes, kept) or id
        image = _put_together(becomes, watermark.marked(picture.image, id), kept)
    is_readable = watermark.read_in_place(image).id == id
    return dataclasses.replace(bare, image=image, mark=WrittenMark(written(id), is_readable))


def is_marked(data: bytes) -> bool:
    """Whether the file of these bytes says that there is a mark."""
    return WrittenMark.read(metadata(data).texts.get("studio-watermark", "")) is not None


def _id_there(image: Image.Image, kept: np.ndarray) -> int | None:
    """That of a picture of which much is kept: two marks in one would disturb each other."""
    return watermark.read_in_place(image).id if kept.mean() > _MOSTLY_KEPT else None


def _put_together(was: Image.Image, now: Image.Image, kept: np.ndarray) -> Image.Image:
    return Image.fromarray(np.where(kept[..., None], np.asarray(was), np.asarray(now)))

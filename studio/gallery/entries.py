"""Pictures and their files -> what the library remembers of them. What is read of a file is what
was known when it was stored, so that a ledger can be made again from the files."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Any

from studio.domain.errors import InvalidRequest
from studio.domain.events import Picture
from studio.domain.files import read_file
from studio.domain.request import GenerationRequest
from studio.gallery import sidecars
from studio.gallery.files import Stored, hash_of
from studio.gallery.packing import nsfw_in
from studio.gallery.places import Found, Places
from studio.imaging import reading
from studio.reading.metadata import metadata
from studio.reading.reader import told
from studio.reading.record import Texts
from studio.store.pictures import PictureRow

_MOST_FILE_BYTES = 512 * 2**20


def of_picture(picture: Picture, stored: Stored, owner: str | None) -> PictureRow:
    """Of one that is about to be stored."""
    width, height = picture.image.size
    return PictureRow(
        **vars(stored),
        width=width,
        height=height,
        seed=picture.seed,
        partial=picture.partial,
        owner=owner,
        base=picture.base,
        nsfw=picture.nsfw,
        **_settings(picture.request, picture.origin),
    )


def of_file(places: Places, found: Found) -> PictureRow:
    """Of one that lies there. Raises OSError, or `InvalidRequest` where it is no picture."""
    stat = os.stat(found.path)
    data = read_file(found.path, _MOST_FILE_BYTES)
    stored = Stored(
        found.id, places.name(found), hash_of(data), _created_us(found.id, stat.st_mtime_ns)
    )
    row = of_data(data, stored)
    said = sidecars.read(found.path)
    trashed_s = (said.trashed_s or stat.st_ctime) if found.trashed else None
    return PictureRow(
        **vars(row)
        | {"owner": said.owner, "starred": said.starred, "boards": said.boards}
        | {"note": said.note, "trashed_s": trashed_s, "waits": said.waits}
    )


def of_data(data: bytes, stored: Stored) -> PictureRow:
    """Of the bytes of a file. Raises `InvalidRequest` where they are no picture."""
    (width, height), _ = reading.size_of(data)
    texts = metadata(data).texts
    return PictureRow(
        **vars(stored),
        width=width,
        height=height,
        seed=int(stored.id.rpartition("-")[2]),
        partial="studio-partial" in texts,
        nsfw=nsfw_in(texts),
        **_told(texts),
    )


def seed_of(data: bytes) -> int:
    """Of the picture in a file, whoever made it; 0 where the file does not tell."""
    request = told(metadata(data).texts).request
    seed = request.get("seed", 0)
    return seed if request.get("variation_strength") else seed + request.get("batch_place", 0)


def _told(texts: Texts) -> dict[str, Any]:
    """What is listed of a picture, whether or not the models that it names are here."""
    with suppress(InvalidRequest):  # of somebody else, or of another version
        request = GenerationRequest.parse(texts.get("studio", ""))
        settings = _settings(request, texts.get("studio-origin"))
        return settings | {"base": texts.get("studio-base")}
    request = told(texts).request
    return {
        "prompt": request.get("prompt", ""),
        "negative_prompt": request.get("negative_prompt", ""),
        "checkpoint": request.get("checkpoint"),
        "loras": tuple(sorted({lora["name"] for lora in request.get("loras", ())})),
    }


def _settings(request: GenerationRequest, made_from: str | None) -> dict[str, Any]:
    kind, _, image = getattr(request.task, "image", "").partition(":")
    return {
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt,
        "checkpoint": request.checkpoint,
        "loras": tuple(sorted({lora.name for lora in request.loras})),
        "task": request.task.kind,
        "origin": made_from or (image if kind == "input" else None),
    }


def _created_us(id: str, modified_ns: int) -> int:
    """The file's own time; where a copy has lost that, the day and the number of its name."""
    day, _, name = id.rpartition("_")
    try:
        told = date.fromisoformat(day)
        modified = datetime.fromtimestamp(modified_ns / 1e9).date()
        if abs(modified - told) <= timedelta(days=1):
            return modified_ns // 1000
        number = int(name.partition("-")[0]) % 86_400
        return int(datetime.combine(told, datetime.min.time()).timestamp() + number) * 10**6
    except (ValueError, OverflowError, OSError):  # it lies flat, or no calendar has that day
        return modified_ns // 1000

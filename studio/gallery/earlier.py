"""What a picture was before: kept as a file, or as its request tells."""

from __future__ import annotations

from collections.abc import Callable

from studio.domain.errors import NotFound
from studio.domain.events import Picture
from studio.domain.request import GenerationRequest
from studio.gallery.files import Gallery
from studio.gallery.library import Library
from studio.imaging import plans, reading
from studio.store.pictures import PictureRow

Read = Callable[[str], bytes]
"""Gives the bytes of a kept picture by its reference, `input:ID`."""


def stored(library: Library, read: Read, id: str) -> bytes | None:
    """The file of what the picture `id` was before: that which a part was put into, or before its
    details. None where it is to be made of the picture's request. Raises `NotFound`, also where
    that file is gone."""
    picture = library.gallery.picture(id)
    if picture.base is not None and (row := library.with_hash(picture.base)) is not None:
        data = library.gallery.bytes(row.id)
        if reading.size_of(data)[0] == picture.image.size:
            return data
    return before_details(library, read, picture)


def before_details(library: Library, read: Read, picture: Picture) -> bytes | None:
    """The file of `picture`, one of the library, as it was before its details; None where it has
    none. Raises `NotFound`, also where that is gone."""
    if not picture.details:
        return None
    if picture.origin is not None:
        row = _origin(library, picture)
        # One that was made of some details of another has that for its origin.
        earlier = before_details(library, read, library.gallery.picture(row.id))
        return library.gallery.bytes(row.id) if earlier is None else earlier
    return read(picture.request.task.image)


def plan_of(gallery: Gallery, read: Read, id: str) -> plans.Plan:
    """How the picture `id` was edited. Raises `NotFound` for one drawn from words alone."""
    plan = plans.plan(settled(gallery, id), read)
    if plan is None:
        raise NotFound(f"Picture {id} was drawn from words alone: there was nothing before it.")
    return plan


def settled(gallery: Gallery, id: str) -> GenerationRequest:
    """What made the picture `id`. Raises `NotFound`, also where that is of another studio."""
    request = gallery.request(id)
    if request.width is None or request.height is None:
        raise NotFound(f"Picture {id} does not tell its size: it was not made by this studio.")
    return request


def _origin(library: Library, picture: Picture) -> PictureRow:
    row = library.with_hash(picture.origin)
    if row is None:
        raise NotFound(f"What picture {picture.id} was before its details is not in the library.")
    return row

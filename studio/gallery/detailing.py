"""Pictures of which some details are taken and others left as they were."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from studio.domain import infotext
from studio.domain.detailers import Detail, Detailer
from studio.domain.errors import InvalidRequest, NotFound, SaveError
from studio.domain.events import Picture
from studio.domain.request import GenerationRequest
from studio.gallery.files import hash_of
from studio.gallery.library import Library
from studio.imaging import reading
from studio.store.pictures import Claim

Read = Callable[[str], bytes]
"""Gives the bytes of a kept picture by its reference, `input:ID`."""


def before_details(library: Library, read: Read, id: str) -> bytes | None:
    """The file of the picture `id` as it was before its details; None where it has none. Raises
    `NotFound`, also where that picture is gone."""
    picture = library.gallery.picture(id)
    if not picture.details:
        return None
    if picture.origin is not None:
        row = library.with_hash(picture.origin)
        if row is None:
            raise NotFound(f"What picture {id} was before its details is not in the library.")
        # One that was made of some details of another has that for its origin.
        earlier = before_details(library, read, row.id)
        return library.gallery.bytes(row.id) if earlier is None else earlier
    return read(picture.request.task.image)


def kept(
    library: Library, read: Read, id: str, numbers: Sequence[int], owner: str | None
) -> Picture:
    """A new picture of the library, made from picture `id`: of its details those with `numbers`
    are there, whole; everywhere else it is as before them.

    Raises `InvalidRequest` for numbers that it does not have and for none, `NotFound`, and
    `SaveError` where the disk does not take it: then it is in the library for as long as memory has
    it.
    """
    after = library.gallery.picture(id)
    data = before_details(library, read, after.id)
    if data is None:
        raise InvalidRequest(f"picture {id} has no details. Take one that detailers were run over.")
    count = len(after.details)
    if wrong := [number for number in numbers if not 0 <= number < count]:
        raise InvalidRequest(
            f"picture {id} has no detail {wrong[0]}. It has {count}, the first is 0.", "kept"
        )
    if not numbers:
        raise InvalidRequest(
            "nothing is kept: that is the picture as it was, which is in its family already.",
            "kept",
        )
    details = tuple(after.details[number] for number in sorted(set(numbers)))
    image, now = reading.picture(data), after.image.convert("RGB")
    for detail in details:
        image.paste(now.crop(detail.area), detail.area)
    request = _of_details(after.request, details)
    note = f"Of {count} details {len(details)} were kept, and nothing was drawn for it."
    picture = dataclasses.replace(
        after,
        id=None,
        path=None,
        image=image,
        request=request,
        details=details,
        infotext=infotext.write(request, after.place),
        warnings=(*after.warnings, note),
        origin=hash_of(library.gallery.bytes(id)),
        mixed=True,
    )
    stored = library.keep(picture, Claim(owner=owner))
    if stored.path is None:
        raise SaveError(stored.warnings[-1])
    return stored


def _of_details(request: GenerationRequest, details: Sequence[Detail]) -> GenerationRequest:
    """`request` for these details alone."""

    def only(place: int, one: Detailer) -> Detailer:
        numbers = tuple(detail.number for detail in details if detail.detailer == place)
        return one.model_copy(update={"only": numbers, "active": one.active and bool(numbers)})

    detailers = tuple(only(place, one) for place, one in enumerate(request.detailers))
    return request.model_copy(update={"detailers": detailers})

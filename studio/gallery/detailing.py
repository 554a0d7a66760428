"""Pictures of which some details are taken and others left as they were."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from studio.domain import infotext
from studio.domain.detailers import Detail, Detailer
from studio.domain.errors import InvalidRequest, SaveError
from studio.domain.events import Picture
from studio.domain.request import GenerationRequest
from studio.gallery.earlier import Read, before_details
from studio.gallery.files import hash_of
from studio.gallery.library import Library
from studio.imaging import reading
from studio.store.pictures import Claim


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
    data = before_details(library, read, after)
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
    return stored(library, picture, owner)


def stored(library: Library, picture: Picture, owner: str | None) -> Picture:
    """`picture`, put together from others, kept in the library as `owner`'s. Raises `SaveError`
    where the disk does not take it: then it is there for as long as memory has it."""
    mark = picture.mark and dataclasses.replace(picture.mark, readable=False)  # nobody looked
    kept = library.keep(dataclasses.replace(picture, mark=mark), Claim(owner=owner))
    if kept.path is None:
        raise SaveError(kept.warnings[-1])
    return kept


def _of_details(request: GenerationRequest, details: Sequence[Detail]) -> GenerationRequest:
    """`request` for these details alone."""

    def only(place: int, one: Detailer) -> Detailer:
        numbers = tuple(detail.number for detail in details if detail.detailer == place)
        return one.model_copy(update={"only": numbers, "active": one.active and bool(numbers)})

    detailers = tuple(only(place, one) for place, one in enumerate(request.detailers))
    return request.model_copy(update={"detailers": detailers})

"""Pictures put together from two: of one a part is kept, the rest is as in the other."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from studio.domain import infotext
from studio.domain.errors import InvalidRequest, NotFound, about
from studio.domain.events import Picture
from studio.gallery import earlier
from studio.gallery.detailing import stored
from studio.gallery.files import hash_of
from studio.gallery.library import Library
from studio.imaging import difference, masks, reading
from studio.imaging.blending import blended
from studio.imaging.resizing import resized

Read = Callable[[str], bytes]
"""Gives the bytes of a picture: `input:ID`, `picture:ID` or a data-URI."""


@dataclass(frozen=True)
class Part:
    """What is kept of a picture.

    mask     names a picture of the same size: white where it is kept, black where it is not
    base     names that of the same size which the rest is as in; None: the picture as it was
             before
    feather  over how many pixels from the mask's edge inwards it fades in
    """

    mask: str
    base: str | None = None
    feather: int = 0


@dataclass(frozen=True)
class _Base:
    """`hash` of its file, where it is one."""

    image: Image.Image
    profile: bytes | None
    hash: str | None


def kept_part(library: Library, read: Read, id: str, part: Part, owner: str | None) -> Picture:
    """A new picture of the library, `owner`'s: picture `id` where `part.mask` is white, its base
    where that is black, each to the very byte; between, both as far as the mask says. Outside the
    mask nothing is changed: that is measured as for an inpaint.

    Raises `InvalidRequest` for a mask that covers nothing, for pictures of another size or colour
    profile, `NotFound`, and `SaveError` as `detailing.stored`.
    """
    after = library.gallery.picture(id)
    data = library.gallery.bytes(id)
    image, profile = reading.with_profile(data)
    mask = _mask(read, part, image.size)
    base = _base(library, read, after, part.base)
    _require_like(base, image, profile)
    made = blended(base.image, image, masks.feathered(mask, part.feather))
    request = after.request
    share = sum(mask.histogram()[1:]) / (mask.width * mask.height)
    note = f"A part of another picture was kept, {share:.0%} of the area; nothing was drawn for it."
    picture = dataclasses.replace(
        after,
        id=None,
        path=None,
        image=made,
        infotext=infotext.write(request, after.place) if request.scheduler else after.infotext,
        warnings=(*after.warnings, note),
        outside_mask_max_difference=difference.max_outside(base.image, made, mask),
        profile=profile,
        details=(),
        origin=hash_of(data),
        base=base.hash,
        mixed=True,
    )
    return stored(library, picture, owner)


def _mask(read: Read, part: Part, size: tuple[int, int]) -> Image.Image:
    with about("mask"):
        mask = reading.mask(read(part.mask))
        if mask.size != size:
            raise InvalidRequest(
                f"it has {mask.width} × {mask.height} pixels, the picture {size[0]} × {size[1]}. "
                "Make them equal."
            )
        if mask.getbbox() is None:
            raise InvalidRequest(
                "it is black everywhere: nothing would be kept. Paint where the picture is wanted."
            )
    return mask


def _base(library: Library, read: Read, after: Picture, name: str | None) -> _Base:
    if name is not None:
        with about("base"):
            data = read(name)
            return _Base(*reading.with_profile(data), hash_of(data))
    data = earlier.stored(library, read, after.id)
    if data is not None:
        return _Base(*reading.with_profile(data), hash_of(data))
    try:
        plan = earlier.plan_of(library.gallery, read, after.id)
    except NotFound as error:
        raise InvalidRequest(f"{error} Name the picture that the rest is as in.", "base") from None
    was = plan.before if plan.size is None else resized(plan.before, plan.size)
    data = read(after.request.task.image)
    is_file = reading.size_of(data)[0] == after.image.size
    return _Base(was, plan.profile, hash_of(data) if is_file else None)


def _require_like(base: _Base, image: Image.Image, profile: bytes | None) -> None:
    if base.image.size != image.size:
        raise InvalidRequest(
            f"it has {base.image.width} × {base.image.height} pixels, the picture "
            f"{image.width} × {image.height}. Take one of the same size.",
            "base",
        )
    if base.profile != profile:
        raise InvalidRequest(
            "its values are in another colour profile than the picture's, so neither could stay as "
            "it is. Take one with the same profile.",
            "base",
        )

"""What a result was made from: the picture before, the mask, the maps that led it, and what has
changed."""

from __future__ import annotations

import threading
from collections.abc import Callable

from fastapi import APIRouter
from fastapi.responses import Response
from PIL import Image

from studio.api.answers import EVERYWHERE, Answers, refusals, sends
from studio.api.uploads import DECODED_AT_ONCE, FOREVER, SHOWN
from studio.api.wire import PREFIX
from studio.domain.errors import InvalidRequest, NotFound
from studio.domain.request import GenerationRequest
from studio.domain.tasks import ImageToImage, Inpaint
from studio.gallery import earlier, views
from studio.gallery.files import Gallery
from studio.gallery.library import Library
from studio.imaging import difference, reading
from studio.imaging.resizing import resized

_NONE = refusals(404, 422)
_PNG: Answers = {200: sends("The picture", "image/png")} | _NONE


def build_edits_router(
    library: Library,
    read: Callable[[str], bytes],
    map_again: Callable[[GenerationRequest, int], Image.Image],
) -> APIRouter:
    """The routes below `/studio/v1/images/{id}`. `read` gives the bytes of a kept picture by its
    reference, `input:ID`; `map_again` the map of a request's ControlNet unit, counted from 1."""
    gallery = library.gallery
    router = APIRouter(prefix=f"{PREFIX}/images/{{id}}", tags=["images"], responses=EVERYWHERE)
    decoding = threading.BoundedSemaphore(DECODED_AT_ONCE)

    @router.get("/before", response_class=Response, responses=SHOWN | _NONE)
    def before(id: str) -> Response:
        """What the picture was before, at its present size: before its details, where it has some;
        with the sketch over it, where that acted; around an outpaint, the canvas with the picture's
        border smeared over it."""
        with decoding:
            data, media_type = _before(library, read, id)
        return Response(data, media_type=media_type, headers=FOREVER)

    @router.get("/difference", response_class=Response, responses=_PNG)
    def heat_map(id: str) -> Response:
        """A PNG that shows what has changed: bright where much did, dim and gray where every
        pixel is as it was."""
        with decoding:
            return _png(_difference(library, read, id))

    @router.get("/mask", response_class=Response, responses=_PNG)
    def mask(id: str) -> Response:
        """The mask as it was painted, before any growing and blurring: a grayscale PNG, white
        where the picture was repainted."""
        task = gallery.request(id).task
        if not isinstance(task, Inpaint):
            raise NotFound(f"Picture {id} was made without a mask.")
        with decoding:
            return _png(views.shown(read(task.mask), "mask")[0])

    @router.get("/control/{number}", response_class=Response, responses=_PNG | refusals(500))
    def control(id: str, number: int) -> Response:
        """The map that ControlNet unit `number`, counted from 1, was led by: a PNG, transparent
        where it has a hole. It is made again, and is the very same."""
        with decoding:
            return _png(views.png(_map(gallery, map_again, id, number)))

    return router


def _map(
    gallery: Gallery,
    map_again: Callable[[GenerationRequest, int], Image.Image],
    id: str,
    number: int,
) -> Image.Image:
    request = earlier.settled(gallery, id)
    try:
        return map_again(request, number)
    except InvalidRequest as error:  # weights or a picture that were there once
        raise NotFound(f"The map of picture {id} cannot be made again. {error}") from None


def _before(library: Library, read: Callable[[str], bytes], id: str) -> tuple[bytes, str]:
    """(bytes, media type)."""
    gallery = library.gallery
    if (data := earlier.stored(library, read, id)) is not None:
        return views.shown(data)
    task = gallery.request(id).task
    if isinstance(task, (ImageToImage, Inpaint)) and task.sketch is None:
        data = read(task.image)
        if reading.size_of(data)[0] == reading.size_of(gallery.bytes(id))[0]:
            return views.shown(data)  # nothing was scaled: no need to pack it anew
    plan = earlier.plan_of(gallery, read, id)
    return views.png(plan.begun, plan.profile), "image/png"


def _difference(library: Library, read: Callable[[str], bytes], id: str) -> bytes:
    now = reading.picture(library.gallery.bytes(id))
    if (data := earlier.stored(library, read, id)) is not None:
        was = reading.picture(data)
    else:
        plan = earlier.plan_of(library.gallery, read, id)
        was = resized(plan.begun, plan.size or plan.before.size)
    if was.size != now.size:
        raise NotFound(
            f"Picture {id} is {now.width} × {now.height}, and was {was.width} × {was.height} "
            "before: this cannot be compared pixel by pixel."
        )
    return views.png(difference.heat_map(was, now))


def _png(data: bytes) -> Response:
    return Response(data, media_type="image/png", headers=FOREVER)

"""Pictures and masks that come from the page or a client, for image-to-image and inpainting."""

from __future__ import annotations

import threading

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from studio.api.answers import EVERYWHERE, Answers, refusals, sends
from studio.api.wire import PREFIX
from studio.gallery import views
from studio.gallery.inputs import Inputs

FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}
UNKEPT = {"Cache-Control": "no-store"}
"""Of what may be otherwise soon."""
"""What an id stands for never changes."""
DECODED_AT_ONCE = 2
"""Pictures of 64 MP fill hundreds of MB each; more callers wait."""

_FILE: Answers = {200: sends("The file", "image/*", "application/octet-stream")}
SHOWN: Answers = {200: sends("The picture", "image/png", "image/jpeg", "image/webp")}
REQUEST_BODY = {
    "requestBody": {
        "required": True,
        "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class UploadBody(BaseModel):
    """What was uploaded. A task names it by `ref`; sizes are in pixels."""

    id: str
    ref: str
    url: str
    width: int
    height: int
    size_bytes: int


def build_uploads_router(inputs: Inputs) -> APIRouter:
    """The routes below `/studio/v1/uploads`."""
    router = APIRouter(prefix=f"{PREFIX}/uploads", tags=["uploads"], responses=EVERYWHERE)
    decoding = threading.BoundedSemaphore(DECODED_AT_ONCE)

    @router.post("", openapi_extra=REQUEST_BODY, responses=refusals(422, 507))
    async def upload(http: Request) -> UploadBody:
        """Send a picture or a mask: the file itself as the body, of any common picture type.

        It is deleted after a day unless a job uses it.
        """
        kept = await run_in_threadpool(inputs.keep, await http.body())
        width, height = kept.size
        return UploadBody(
            id=kept.id,
            ref=kept.ref,
            url=f"{PREFIX}/uploads/{kept.id}/view",
            width=width,
            height=height,
            size_bytes=kept.size_bytes,
        )

    @router.get("/{id}", response_class=Response, responses=_FILE | refusals(404, 422))
    def original(id: str) -> Response:
        """The very file that was uploaded."""
        data = inputs.bytes(id)
        return Response(data, media_type=views.media_type(data), headers=FOREVER)

    @router.get("/{id}/view", response_class=Response, responses=SHOWN | refusals(404, 422))
    def view(id: str, kind: views.Kind = "picture") -> Response:
        """The picture as a browser can show it: upright, opaque, eight bits a channel. With
        `kind=mask` as the inpainting reads it, a grayscale PNG whose white is repainted. Of a
        sketch, which browsers do not read to the very value, `colours`, whether they can be seen or
        not, and `alpha` are opaque PNGs by themselves."""
        with decoding:
            data, media_type = views.shown(inputs.bytes(id), kind)
        return Response(data, media_type=media_type, headers=FOREVER)

    return router

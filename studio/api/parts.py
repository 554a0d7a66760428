"""A part of a picture kept in another, over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from studio.api.answers import EVERYWHERE, refusals
from studio.api.caller import Account
from studio.api.image_bodies import EntryBody, entry_body
from studio.api.uploads import DECODED_AT_ONCE
from studio.api.wire import PREFIX
from studio.gallery.library import Library
from studio.gallery.parts import Part, kept_part

MOST_FEATHER = 200


class PartAsked(BaseModel):
    """Which part of a picture is kept.

    mask     input:ID, picture:ID or a data-URI, of the picture's size: white where it is kept,
             black where it is not
    base     the same, of the picture that the rest is as in; null: as this one was before
    feather  over how many pixels from the mask's edge inwards it fades in
    """

    model_config = ConfigDict(extra="forbid")

    mask: str = Field(min_length=1)
    base: str | None = Field(None, min_length=1)
    feather: int = Field(0, ge=0, le=MOST_FEATHER)


def build_parts_router(library: Library, read: Callable[[str], bytes]) -> APIRouter:
    """The route below `/studio/v1/images`. `read` gives the bytes of a picture: input:ID,
    picture:ID or a data-URI."""
    router = APIRouter(prefix=f"{PREFIX}/images/{{id}}", tags=["images"], responses=EVERYWHERE)
    decoding = threading.BoundedSemaphore(DECODED_AT_ONCE)

    @router.post("/keep", responses=refusals(404, 422, 507))
    def keep(id: str, asked: PartAsked, account: Account) -> EntryBody:
        """A new picture: this one where the mask is white, everywhere else the base. Nothing is
        drawn: each pixel is one of the two, and where the mask is gray or fades between them."""
        with decoding:
            part = Part(asked.mask, asked.base, asked.feather)
            picture = kept_part(library, read, id, part, account)
        return entry_body(library.entry(picture.id))

    return router

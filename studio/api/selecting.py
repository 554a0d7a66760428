"""Selecting over HTTP: a mask of what is at a place of a picture."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from studio.api.answers import EVERYWHERE, refusals
from studio.api.uploads import DECODED_AT_ONCE
from studio.api.wire import PREFIX
from studio.detectors.detectors import Detectors, Known
from studio.domain.detailers import Share
from studio.domain.detectors import SEGMENTER
from studio.domain.errors import InvalidRequest, about
from studio.domain.geometry import Size
from studio.domain.sampling import ModelName
from studio.gallery import views
from studio.gallery.inputs import Inputs
from studio.imaging import reading

Read = Callable[[str], bytes]
"""Gives the bytes of a picture: input:ID, picture:ID or a data-URI."""
_Pixel = Annotated[int, Field(ge=0)]
_LISTED = 12
"""Classes of a detector that are named where nothing was found."""


class SelectAsked(BaseModel):
    """Select what is at pixel (`x`, `y`), counted from the upper left corner, of a picture:
    input:ID, picture:ID or a data-URI. `confidence` is how sure `detector`, by name, must be."""

    model_config = ConfigDict(extra="forbid")

    image: str = Field(min_length=1)
    x: _Pixel
    y: _Pixel
    detector: ModelName = Field(SEGMENTER, min_length=1)
    confidence: Share = 0.3


class SelectedBody(BaseModel):
    """`mask` is a picture as a task names it, of the size of the one that was asked about: white
    where the thing is, to be repainted, black elsewhere. `box` is [left, top, right, bottom] in
    pixels, right and bottom left out; `outlined` is false where all of it is white, for the
    detector knows no outlines."""

    mask: str
    label: str
    score: float
    box: tuple[int, int, int, int]
    outlined: bool


def build_selecting_router(detectors: Detectors, inputs: Inputs, read: Read) -> APIRouter:
    """The route of selecting; masks go to `inputs`."""
    router = APIRouter(prefix=PREFIX, tags=["details"], responses=EVERYWHERE)
    looking = threading.BoundedSemaphore(DECODED_AT_ONCE)

    @router.post("/select", responses=refusals(404, 422, 500, 507))
    def select(asked: SelectAsked) -> SelectedBody:
        """A mask of the thing at a place of a picture, kept as if it had been uploaded: it is
        deleted after a day unless a job uses it. Of things that lie over each other the smallest.
        """
        with looking:
            with about("image"):
                image = reading.picture(read(asked.image))
            _check_inside(asked, image.size)
            with about("detector"):
                place = asked.x, asked.y
                thing = detectors.at(image, asked.detector, place, asked.confidence)
            if thing is None:
                raise _nothing_at(asked, detectors.available(asked.detector))
            kept = inputs.keep(views.png(thing.over(image.size)))
        return SelectedBody(
            mask=kept.ref,
            label=thing.label,
            score=thing.score,
            box=thing.box,
            outlined=thing.mask is not None,
        )

    return router


def _check_inside(asked: SelectAsked, size: Size) -> None:
    for name, place, side in (("x", asked.x, size[0]), ("y", asked.y, size[1])):
        if place >= side:
            raise InvalidRequest(
                f"{place} lies beside the picture, which has {size[0]} × {size[1]} pixels.", name
            )


def _nothing_at(asked: SelectAsked, known: Known) -> InvalidRequest:
    few = ", ".join(known.classes[:_LISTED]) + (", …" if len(known.classes) > _LISTED else "")
    return InvalidRequest(
        f"{known.name} finds nothing at {asked.x}, {asked.y}. It knows: {few}. Lower the "
        "confidence, or select by colour."
    )

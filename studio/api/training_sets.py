"""Sets of pictures to train on, over HTTP: looked at, filled, captioned, given away."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import closing
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from studio.api.answers import EVERYWHERE, Answers, refusals, sends, zipped
from studio.api.places import PublicText
from studio.api.uploads import REQUEST_BODY
from studio.api.wire import PREFIX
from studio.domain.errors import StudioError
from studio.domain.training import Captioned, Layout
from studio.imaging import reading
from studio.tuning.captioning import Captioning
from studio.tuning.sets import PictureSets
from studio.tuning.trainings import Trainings

_SMALL: Answers = {200: sends("A small copy", "image/webp")}
_MASK: Answers = {200: sends("The mask", "image/png")}
_ZIP: Answers = {200: sends("All of it", "application/zip")}
_CAPTIONED: Answers = {
    200: {
        "description": "Of each caption, as JSON on one line, what was written",
        "content": {
            "text/event-stream": {
                "example": 'data: {"file": "a.png", "caption": "a kite", "done": 1, "total": 9}\n\n'
            }
        },
    }
}
_Name = Annotated[str, Path(max_length=200)]
_File = Annotated[str, Query(min_length=1, max_length=1000)]


class SetName(BaseModel):
    """A set that is to be made."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=100)]


class SetBody(BaseModel):
    """A set and how many pictures it has."""

    name: str
    pictures: int


class SetsBody(BaseModel):
    """All of them, by name; `captioners`: what can caption their pictures."""

    sets: list[SetBody]
    captioners: list[str]


class SetPictureBody(BaseModel):
    """A picture of a set. `file`: its path in the set; sizes as [width, height] in pixels: its own,
    and that of the `bucket` to which it is brought, evenly cut. It counts `repeats` times in an
    epoch. `masked`: it has a mask, in masks/NAME.png beside it or as its alpha channel; `mask`: it
    has the former."""

    file: str
    caption: str
    size: tuple[int, int]
    bucket: tuple[int, int]
    repeats: int
    masked: bool
    mask: bool


class SetContentBody(BaseModel):
    """What is in a set, and what should be known of it."""

    name: str
    pictures: list[SetPictureBody]
    remarks: list[str]


class Captions(BaseModel):
    """Picture -> caption."""

    model_config = ConfigDict(extra="forbid")

    captions: dict[str, Annotated[str, Field(max_length=20_000)]]


class CaptionsAsked(BaseModel):
    """Captions by a network, as it is called; null: the first there is. `overwrite`: replace those
    that are there."""

    model_config = ConfigDict(extra="forbid")

    captioner: Annotated[str, Field(max_length=200)] | None = None
    overwrite: bool = False


class FromLibrary(BaseModel):
    """Pictures of the library, by their ids."""

    model_config = ConfigDict(extra="forbid")

    images: Annotated[list[str], Field(min_length=1, max_length=1000)]


class AddedBody(BaseModel):
    """What the pictures are called in the set."""

    files: list[str]


def build_sets_router(
    sets: PictureSets, captioning: Captioning, trainings: Trainings, public: PublicText
) -> APIRouter:
    """The routes below `/studio/v1/training-sets`. Messages are made `public`."""
    router = APIRouter(prefix=f"{PREFIX}/training-sets", tags=["training"], responses=EVERYWHERE)

    @router.get("")
    def list_sets() -> SetsBody:
        """All of them."""
        found = [SetBody(name=name, pictures=count) for name, count in sets.names()]
        return SetsBody(sets=found, captioners=captioning.names())

    @router.post("", responses=refusals(422, 507))
    def make(asked: SetName) -> SetBody:
        """A new, empty one."""
        return SetBody(name=sets.make(asked.name).name, pictures=0)

    @router.get("/{name}", responses=refusals(404, 422))
    def look(
        name: _Name, resolution: Annotated[int, Query(ge=64, le=4096, multiple_of=8)] = 512
    ) -> SetContentBody:
        """What is in it. Buckets are those of a training at `resolution`."""
        looked = sets.look(name, resolution)
        pictures = [SetPictureBody(**vars(each)) for each in looked.pictures]
        remarks = [public(text) for text in looked.remarks]
        return SetContentBody(name=name, pictures=pictures, remarks=remarks)

    @router.get(
        "/{name}/zip", response_class=StreamingResponse, responses=_ZIP | refusals(404, 422)
    )
    def packed(
        name: _Name,
        layout: Layout = "flat",
        trigger: Annotated[str | None, Query(max_length=200)] = None,
    ) -> StreamingResponse:
        """All of it as one file, piece by piece, as other trainers want it. flat: each picture with
        its caption in a .txt (ai-toolkit); kohya: img/NN_words and reg; metadata: captions in
        metadata.jsonl (Hugging Face, diffusers). Captions stay as they are, or get the `trigger`
        word as for a training."""
        return zipped(name, sets.files(name, layout, trigger))

    @router.delete("/{name}", status_code=204, responses=refusals(404, 422, 507))
    def delete(name: _Name) -> Response:
        """Delete it with all that is in it, for good. Refused while a training that has not ended
        learns from it."""
        trainings.check_unused(name)
        sets.delete(name)
        return Response(status_code=204)

    _add_changes(router, sets)
    _add_masks(router, sets)
    _add_captions(router, sets, captioning, public)
    return router


def _add_changes(router: APIRouter, sets: PictureSets) -> None:
    answers = refusals(404, 422, 507)

    @router.post("/{name}/pictures", openapi_extra=REQUEST_BODY, responses=answers)
    async def add(
        name: _Name, http: Request, called: Annotated[str, Query(max_length=300)] = ""
    ) -> AddedBody:
        """Put a picture into it: the file itself as the body. `called`: its name, where that is
        free; before it may stand folders, of which kohya's `NN_words` and `reg` are kept."""
        data = await http.body()
        return AddedBody(files=[await run_in_threadpool(sets.add, name, data, called)])

    @router.post("/{name}/from-library", responses=answers)
    def take(name: _Name, chosen: FromLibrary) -> AddedBody:
        """Put copies of pictures of the library into it, their prompts as captions."""
        return AddedBody(files=sets.take(name, chosen.images))

    @router.patch("/{name}", status_code=204, responses=answers)
    def write(name: _Name, changed: Captions) -> Response:
        """Write captions, each into a .txt beside its picture."""
        sets.write(name, changed.captions)
        return Response(status_code=204)

    @router.delete("/{name}/pictures", status_code=204, responses=answers)
    def remove(name: _Name, file: _File) -> Response:
        """Remove a picture and its caption, for good."""
        sets.remove(name, file)
        return Response(status_code=204)

    @router.get("/{name}/thumbnail", response_class=Response, responses=_SMALL | refusals(404, 422))
    def thumbnail(name: _Name, file: _File, side: Literal["256", "512"] = "256") -> Response:
        """A small copy that fits into a square of `side` pixels."""
        image, _ = reading.small(sets.picture(name, file), int(side))
        out = io.BytesIO()
        image.save(out, "WEBP", quality=82)
        return Response(out.getvalue(), media_type="image/webp")


def _add_masks(router: APIRouter, sets: PictureSets) -> None:
    answers = refusals(404, 422, 507)

    @router.put("/{name}/mask", status_code=204, openapi_extra=REQUEST_BODY, responses=answers)
    async def put_mask(name: _Name, file: _File, http: Request) -> Response:
        """Say what of a picture is learnt: a picture as large as it as the body, white where it
        counts."""
        data = await http.body()
        await run_in_threadpool(sets.put_mask, name, file, data)
        return Response(status_code=204)

    @router.get("/{name}/mask", response_class=Response, responses=_MASK | refusals(404, 422))
    def mask(name: _Name, file: _File) -> Response:
        """The mask of a picture, as a PNG of its size."""
        out = io.BytesIO()
        reading.values(sets.mask(name, file), background=(0, 0, 0)).convert("L").save(out, "PNG")
        return Response(out.getvalue(), media_type="image/png")

    @router.delete("/{name}/mask", status_code=204, responses=answers)
    def remove_mask(name: _Name, file: _File) -> Response:
        """Let all of the picture count again."""
        sets.remove_mask(name, file)
        return Response(status_code=204)


def _add_captions(
    router: APIRouter, sets: PictureSets, captioning: Captioning, public: PublicText
) -> None:
    answers = _CAPTIONED | refusals(404, 422, 500)

    @router.post("/{name}/captions", response_class=Response, responses=answers)
    async def caption(name: _Name, asked: CaptionsAsked) -> StreamingResponse:
        """Have its pictures without a caption looked at by a captioner, between two steps of what
        is drawn: an event for each caption that was written. Ends when nobody reads any more."""
        folder = await run_in_threadpool(sets.folder, name)
        looks = captioning.looks(folder, asked.captioner, asked.overwrite)
        first = await asyncio.wrap_future(await run_in_threadpool(next, looks))
        return StreamingResponse(_told(first, looks, public), media_type="text/event-stream")


async def _told(
    captioned: Captioned | None, looks: Iterator[Future[Captioned | None]], public: PublicText
) -> AsyncIterator[str]:
    with closing(looks):
        try:
            while captioned:
                yield f"data: {json.dumps(vars(captioned))}\n\n"
                captioned = await asyncio.wrap_future(next(looks))
        except StudioError as error:
            yield f"event: failed\ndata: {json.dumps({'message': public(str(error))})}\n\n"

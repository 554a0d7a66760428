"""Pictures drawn again from their own records, over HTTP: the job, and what came of it."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from pydantic import BaseModel, ConfigDict

from studio.api.answers import EVERYWHERE, Answers, refusals, sends
from studio.api.caller import Account
from studio.api.places import PublicText
from studio.api.readings import IgnoredBody
from studio.api.uploads import DECODED_AT_ONCE
from studio.api.wire import PREFIX, CreatedBody
from studio.domain.errors import NotFound
from studio.domain.events import Failed
from studio.gallery import views
from studio.jobs.queue import JobQueue
from studio.reproducing.receipt import Receipt
from studio.reproducing.reproductions import Reproductions

_Job = Annotated[str | None, Query(max_length=200)]
_PNG: Answers = {200: sends("The picture", "image/png")} | refusals(404, 422)


class DifferenceBody(BaseModel):
    """What was other when the picture was made: "torch", "device", "checkpoint", … Either is empty
    where it was not, or is not, in use."""

    model_config = ConfigDict(from_attributes=True)

    what: str
    then: str
    now: str


class ReceiptBody(BaseModel):
    """What came of drawing a picture again, or before it was what is known of that.

    state        of the job; none: it was not drawn again yet; forgotten: the job was deleted
    message      why it failed
    same         whether all pixels are equal
    picture      the id of what was drawn, where it differs: else it is not kept a second time
    share        of the pixels which differ, 0 to 1; null where the sizes do
    largest      difference of a channel, 0 to 255
    psnr_db      over all channels; null where nothing differs
    differences  of what it was made with, and is now
    untold       what of that the picture's file does not tell
    ignored      settings that were not understood
    words        all of it in sentences, the verdict first
    """

    state: str
    job: str | None = None
    message: str | None = None
    same: bool | None = None
    original: str
    picture: str | None = None
    share: float | None = None
    largest: int | None = None
    psnr_db: float | None = None
    differences: list[DifferenceBody]
    untold: list[str]
    ignored: list[IgnoredBody]
    words: list[str]


def build_reproductions_router(
    reproductions: Reproductions, queue: JobQueue, public: PublicText
) -> APIRouter:
    """The routes below `/studio/v1/images/{id}`. Messages are made `public`."""
    router = APIRouter(prefix=f"{PREFIX}/images/{{id}}", tags=["images"], responses=EVERYWHERE)
    decoding = threading.BoundedSemaphore(DECODED_AT_ONCE)

    @router.post("/reproduce", responses=refusals(404, 422, 507))
    def reproduce(
        id: str,
        account: Account,
        key: Annotated[str | None, Header(alias="Idempotency-Key", max_length=200)] = None,
    ) -> CreatedBody:
        """Draw it again from its own record: an ordinary job, whose picture is compared before it
        is kept. Where a model or a picture that it needs is not here nothing is queued."""
        job = reproductions.submit(reproductions.of_library(id), key, account)
        return CreatedBody(id=job.id)

    @router.get("/receipt", responses=refusals(404, 422, 507))
    def receipt(id: str, account: Account, job: _Job = None) -> ReceiptBody:
        """What came of drawing it again, by `job` or the newest; before the first what is known of
        that: what it would be made with now, and was then."""
        row = reproductions.row(id, job)
        if row is None:
            return _body(id, reproductions.foretold(reproductions.of_library(id), account), public)
        with suppress(NotFound):
            of = queue.get(row.job)
            state, failed = of.state.value, of.events.newest(Failed)
            # What has ended by now is written down, and may not have been when the row was read.
            found = _body(id, Receipt.read(reproductions.row(id, row.job).receipt), public)
            found.job, found.state = row.job, state
            found.message = public(failed.message) if failed else None
            return found
        found = _body(id, Receipt.read(row.receipt), public)
        found.job, found.state = row.job, "forgotten" if found.same is None else "finished"
        return found

    @router.get("/receipt/heat-map", response_class=Response, responses=_PNG)
    def heat_map(id: str, job: _Job = None) -> Response:
        """A PNG that shows where it differs from what it was: bright where much, dim and gray where
        every pixel is as it was."""
        row = reproductions.row(id, job)
        if row is None:
            raise NotFound(f"Picture {id} was not drawn again.")
        with decoding:
            data = views.png(reproductions.heat_map(row))
        return Response(data, media_type="image/png", headers={"Cache-Control": "no-cache"})

    return router


def _body(id: str, receipt: Receipt, public: PublicText) -> ReceiptBody:
    figures = receipt.figures
    return ReceiptBody(
        state="none",
        same=receipt.same,
        original=id,
        picture=receipt.picture,
        share=receipt.share,
        largest=figures.largest if figures else None,
        psnr_db=figures.psnr_db if figures else None,
        differences=[DifferenceBody.model_validate(each) for each in receipt.differences],
        untold=receipt.untold,
        ignored=[IgnoredBody.model_validate(each) for each in receipt.ignored],
        words=[public(text) for text in receipt.words],
    )

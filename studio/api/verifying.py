"""Where a picture comes from, over HTTP."""

from __future__ import annotations

import threading

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from studio.api.answers import EVERYWHERE, refusals
from studio.api.readings import FILE_BODY, sent
from studio.api.uploads import DECODED_AT_ONCE
from studio.api.wire import PREFIX
from studio.domain.errors import InvalidRequest
from studio.provenance import marking
from studio.provenance.verdict import Verdict
from studio.provenance.verifier import Verifier


class MarkBody(BaseModel):
    """An invisible mark that was read in the pixels.

    id         seven hexadecimal digits
    score      how clearly it stands out, in standard deviations of what chance makes
    agreement  of what was heard with what was written, 0 to 1
    scale      the picture's size now by that when it was made
    """

    id: str
    score: float
    agreement: float
    scale: float


class WrittenMarkBody(BaseModel):
    """An invisible mark of which the file's text speaks: `id`, seven hexadecimal digits, and
    whether it could be read when it was written."""

    id: str
    readable: bool


class AlikeBody(BaseModel):
    """A picture of the library. `how`: "file", the very same bytes; "looks", it looks like it;
    "mark", it was made of the words and seed that the mark names. `differs`: of 63 bits that say
    what a picture looks like."""

    id: str
    how: str
    differs: int


class CredentialsBody(BaseModel):
    """Content credentials (C2PA) in the file.

    intact     whether nothing in the file was changed after it was signed
    trusted    whether somebody who is trusted vouches for the signer
    own        whether this installation signed it
    signer     as the certificate names it
    generator  the program that wrote it
    terms      of IPTC's digital source types
    sources    so many pictures it was made from
    problems   why it does not fit, as C2PA's codes
    """

    intact: bool
    trusted: bool
    own: bool
    signer: str
    generator: str
    terms: list[str]
    sources: int
    problems: list[str]


class VerdictBody(BaseModel):
    """What is known of where a picture comes from.

    made_by_ai  true where its pixels or this studio's record say so; null: nobody knows. Never
                false: that cannot be told of any picture
    width, height  of the picture, in pixels
    mark        null: none was found
    written     null: the file's text speaks of none
    credentials  null: the file has none
    digital_source_type  the term of IPTC's in its XMP; null: none
    settings    whose settings stand in the file: studio, automatic1111, …; "none"
    pictures    of the library that are or may be this one, the surest first
    unlooked    so many pictures of the library were not compared yet
    words       all of it in sentences, the verdict first
    """

    made_by_ai: bool | None
    width: int
    height: int
    mark: MarkBody | None
    written: WrittenMarkBody | None
    credentials: CredentialsBody | None
    digital_source_type: str | None
    settings: str
    pictures: list[AlikeBody]
    unlooked: int
    words: list[str]


def build_verify_router(verifier: Verifier) -> APIRouter:
    """The route `/studio/v1/verify`."""
    router = APIRouter(prefix=PREFIX, tags=["studio"], responses=EVERYWHERE)
    decoding = threading.BoundedSemaphore(DECODED_AT_ONCE)

    @router.post("/verify", openapi_extra=FILE_BODY, responses=refusals(422))
    async def verify(http: Request) -> VerdictBody:
        """Where a picture comes from, as far as its pixels, its text and the library tell: the file
        as the body or as the first of a form. Nothing of it is kept."""
        data = await sent(http)
        if not isinstance(data, bytes) or not data:
            raise InvalidRequest("There is no picture in the body. Send the file itself.")
        return await run_in_threadpool(told, data)

    def told(data: bytes) -> VerdictBody:
        with decoding:
            return body(verifier.verify(data))

    return router


def body(verdict: Verdict) -> VerdictBody:
    """As JSON has it."""
    mark, (width, height) = verdict.mark, verdict.size
    return VerdictBody(
        made_by_ai=verdict.made_by_ai,
        width=width,
        height=height,
        written=verdict.written and WrittenMarkBody(**vars(verdict.written)),
        mark=None
        if mark.id is None
        else MarkBody(
            id=marking.written(mark.id),
            score=mark.score,
            agreement=mark.agreement,
            scale=mark.scale,
        ),
        credentials=verdict.credentials and CredentialsBody(**vars(verdict.credentials)),
        digital_source_type=verdict.term,
        settings=verdict.settings,
        pictures=[AlikeBody(**vars(alike)) for alike in verdict.pictures],
        unlooked=verdict.unlooked,
        words=verdict.words,
    )

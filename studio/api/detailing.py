"""Detectors over HTTP: which there are, what they find; and which details of a picture are kept."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from studio.api.answers import EVERYWHERE, refusals
from studio.api.caller import Account
from studio.api.image_bodies import EntryBody, entry_body
from studio.api.places import PublicText
from studio.api.preprocessors import DownloadingBody
from studio.api.uploads import DECODED_AT_ONCE
from studio.api.wire import PREFIX
from studio.detectors.detectors import Detectors, Known
from studio.domain.detailers import MAX_DETAILERS, MOST_THINGS, Detailer
from studio.domain.detectors import DetectorKind
from studio.domain.errors import about
from studio.gallery import detailing
from studio.gallery.library import Library
from studio.imaging import reading
from studio.preprocessors.downloading import WeightDownloads

Read = Callable[[str], bytes]
"""Gives the bytes of a picture: input:ID, picture:ID or a data-URI."""
_Number = Annotated[int, Field(ge=0)]


class DetectorBody(BaseModel):
    """A detector.

    kind        faces, segmenter (which knows outlines), or yolo
    classes     what it finds, by name
    installed   it can look; else `why` says what is missing
    size_bytes  of its files, or of what there is to download from `url`, under `license`
    downloading how far that is; null: nothing is on its way
    """

    name: str
    kind: DetectorKind
    title: str
    classes: list[str]
    installed: bool
    size_bytes: int
    url: str
    license: str
    why: str
    downloading: DownloadingBody | None


class DetectorsBody(BaseModel):
    """All there are, the studio's own first."""

    detectors: list[DetectorBody]


class DetectAsked(BaseModel):
    """Look for what `detector`, a detailer, speaks of, in a picture: input:ID, picture:ID or a
    data-URI."""

    model_config = ConfigDict(extra="forbid")

    image: str = Field(min_length=1)
    detector: Detailer


class FoundBody(BaseModel):
    """A thing at `box`: [left, top, right, bottom] in pixels, right and bottom left out."""

    box: tuple[int, int, int, int]
    score: float
    label: str


class DetectedBody(BaseModel):
    """What was found, in the detailer's order: at most 100 of `total`; where that is none, `why`
    says what to do."""

    found: list[FoundBody]
    total: int
    why: str


class KeptAsked(BaseModel):
    """Numbers of a picture's details, from 0."""

    model_config = ConfigDict(extra="forbid")

    kept: Annotated[list[_Number], Field(max_length=MAX_DETAILERS * MOST_THINGS)]


def build_detailing_router(
    detectors: Detectors,
    library: Library,
    read: Read,
    public: PublicText,
) -> APIRouter:
    """The routes of detectors, and of details below `/studio/v1/images`. Messages are made
    `public`."""
    router = APIRouter(prefix=PREFIX, tags=["details"], responses=EVERYWHERE)
    downloads = detectors.downloads
    looking = threading.BoundedSemaphore(DECODED_AT_ONCE)

    def body(name: str) -> DetectorBody:
        return _body(detectors.available(name), downloads, public)

    @router.get("/detectors")
    def list_detectors() -> DetectorsBody:
        """What finds things in pictures, for detailers to draw once more."""
        return DetectorsBody(detectors=[body(name) for name in detectors.names()])

    @router.post("/detectors/{name}/download", responses=refusals(422))
    def download(name: str) -> DetectorBody:
        """Begin to fetch what the detector lacks; ask again for how far it is."""
        downloads.start(name)
        return body(name)

    @router.post("/detect", responses=refusals(404, 422, 500))
    def detect(asked: DetectAsked) -> DetectedBody:
        """What a detailer would draw once more. Nothing is drawn."""
        with looking:
            with about("image"):
                image = reading.picture(read(asked.image))
            with about("detector"):
                found = detectors.find(image, asked.detector)
        listed = [
            FoundBody(box=one.box, score=one.score, label=one.label) for one in found[:MOST_THINGS]
        ]
        why = (
            "" if found else "Nothing was found. Lower the confidence, or look for something else."
        )
        return DetectedBody(found=listed, total=len(found), why=why)

    @router.post("/images/{id}/details", responses=refusals(404, 422, 507))
    def keep(id: str, asked: KeptAsked, account: Account) -> EntryBody:
        """A new picture in which, of the details of this one, those are there that are named, and
        everywhere else it is as before. Nothing is drawn: each pixel is one of the two."""
        with looking:
            picture = detailing.kept(library, read, id, asked.kept, account)
        return entry_body(library.entry(picture.id))

    return router


def _body(known: Known, downloads: WeightDownloads, public: PublicText) -> DetectorBody:
    coming = downloads.of(known.name)
    return DetectorBody(
        name=known.name,
        kind=known.kind,
        title=known.title,
        classes=list(known.classes),
        installed=known.ready,
        size_bytes=known.size_bytes,
        url=known.url,
        license=known.license,
        why=public(known.why),
        downloading=coming
        and DownloadingBody(
            done_bytes=coming.done_bytes,
            total_bytes=coming.total_bytes,
            error=coming.error and public(coming.error),
        ),
    )

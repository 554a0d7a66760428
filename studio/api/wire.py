"""Jobs, events and pictures as JSON. The one place where the API's names are written."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from studio.api.places import PublicText
from studio.domain import events
from studio.domain.accounts import shown
from studio.domain.detailers import Detail
from studio.domain.request import GenerationRequest
from studio.jobs.job import Job, JobState
from studio.jobs.outlook import Foretold

PREFIX = "/studio/v1"
MODELS = f"{PREFIX}/models"
REQUEST_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/GenerationRequest"}}
        },
    }
}
"""For routes that parse a request themselves."""


class ErrorBody(BaseModel):
    """What every refused request is answered with: a name in the error tree, words, and the field
    of the request that they are about, as in controls.0.image, if it is one."""

    error: str
    message: str
    field: str | None = None


class CreatedBody(BaseModel):
    """The id of the job that was queued."""

    id: str


class JobChange(BaseModel):
    """What of a job that waits is to be otherwise: its `position` among those that wait, 0 being
    the next."""

    model_config = ConfigDict(extra="forbid")

    position: int = Field(ge=0)


class QueueBody(BaseModel):
    """Whether no more jobs are begun, and how many wait or run."""

    paused: bool
    waiting: int


class DetailBody(BaseModel):
    """A thing that a detailer drew once more.

    detailer    its place among those of the request
    number      of the thing, in the detailer's order
    box         where it was found: [left, top, right, bottom] in pixels, right and bottom left out
    area        what may have changed; outside of it every byte is as before
    """

    detailer: int
    number: int
    detector: str
    label: str
    score: float
    box: tuple[int, int, int, int]
    area: tuple[int, int, int, int]


class ImageBody(BaseModel):
    """A kept picture. `url` is the PNG; `seed` and `variation_seed` (null: its noise does not vary)
    are its own within a batch; `warnings` say what of the request could not be done as it
    was asked, or why the picture is not on disk.

    nsfw                         how likely it shows nudity, 0 to 1, by the owner's filter; null
                                 where that did not look
    details                      what detailers drew once more, in their order
    outside_mask_max_difference  largest change of any channel, 0 to 255, where an inpaint's or
                                 outpaint's mask is zero; null where there is no mask
    """

    id: str
    url: str
    seed: int
    variation_seed: int | None = None
    infotext: str
    partial: bool = False
    warnings: list[str] = []
    outside_mask_max_difference: int | None = None
    details: list[DetailBody] = []
    nsfw: float | None = None


class JobBody(BaseModel):
    """Where a job stands. What is not known (yet) is null.

    owner      the login that it belongs to; null for a guest's
    keep       false: it is drawn to be looked at, and nothing of it is stored
    forecast_s seconds of work that are foretold, until it has ended,
    waits_s    and those until it begins
    position   jobs before this one, while it waits
    stage      what is being loaded, and which `fraction` of it, 0 to 1
    step       of `total` U-Net steps that are done; `eta_s` seconds are left
    passes     drawings after one another, as of hires; `pass_number` is at work, from 1
    elapsed_s  seconds the finished run took; `warnings` are those of its images, each once
    """

    id: str
    owner: str | None
    keep: bool = True
    state: JobState
    created_s: float
    ended_s: float | None = None
    request: GenerationRequest
    forecast_s: float | None = None
    waits_s: float | None = None
    position: int | None = None
    stage: str | None = None
    fraction: float | None = None
    step: int | None = None
    total: int | None = None
    eta_s: float | None = None
    pass_number: int | None = None
    passes: int | None = None
    elapsed_s: float | None = None
    images: list[ImageBody] = []
    warnings: list[str] = []
    error: str | None = None
    message: str | None = None
    field: str | None = None


class ForecastBody(BaseModel):
    """What a request comes to. What is not known (yet) is null.

    seconds       of work, loading included
    memory_bytes  that drawing it takes beside the models
    fits          false where that is more than there is; `why` says so, and what fits
    waits_s       seconds until it would begin
    """

    seconds: float | None
    memory_bytes: int | None
    fits: bool
    why: str | None
    waits_s: float | None


class ClearedBody(BaseModel):
    """How many jobs were forgotten."""

    deleted: int


class JobsBody(BaseModel):
    """A page of the list of jobs; `next` is the cursor of the page after it, null for the last."""

    jobs: list[JobBody]
    next: str | None


def details_bodies(details: Iterable[Detail]) -> list[DetailBody]:
    return [DetailBody(**vars(one)) for one in details]


def image_body(picture: events.Picture, public: PublicText) -> ImageBody:
    """`picture` was kept: it has an id. Its warnings are made `public`."""
    return ImageBody(
        id=picture.id,
        url=f"{PREFIX}/images/{picture.id}",
        seed=picture.seed,
        variation_seed=picture.request.variation_seed_at(picture.place),
        infotext=picture.infotext,
        partial=picture.partial,
        warnings=[public(text) for text in picture.warnings],
        outside_mask_max_difference=picture.outside_mask_max_difference,
        details=details_bodies(picture.details),
        nsfw=picture.nsfw,
    )


def job_body(job: Job, public: PublicText, foretold: Foretold = Foretold()) -> JobBody:
    """The present state: of each kind of event the newest counts. Messages are made `public`."""
    fields: dict[str, Any] = {}
    for _, event in job.events.since():
        if not isinstance(event, (events.Preview, events.Queued)):
            fields |= _fields(event, public)
        elif isinstance(event, events.Queued) and job.state is JobState.QUEUED:
            fields["position"] = event.position
    return JobBody(
        id=job.id,
        owner=shown(job.owner),
        keep=job.is_kept,
        state=job.state,
        created_s=job.created_s,
        ended_s=job.ended_s,
        request=job.request,
        forecast_s=foretold.seconds,
        waits_s=foretold.waits_s,
        **fields,
    )


_WARNINGS, _WARNING = 8, 500
"""So many, of so many characters each, stand in a header."""


def state_header(job: Job, public: PublicText) -> str:
    """What the page must know beside a preview, as ASCII JSON fit for a header.

    Without the request, infotexts and details, which may be long; the page asks for those once. The
    warnings stand in it once for all images, cut where there are many.
    """
    body = job_body(job, public).model_dump(
        mode="json",
        exclude={"request": True, "images": {"__all__": {"infotext", "warnings", "details"}}},
        exclude_none=True,
    )
    if "message" in body:
        body["message"] = body["message"][:2000]
    body["warnings"] = [text[:_WARNING] for text in body["warnings"][:_WARNINGS]]
    return json.dumps(body, ensure_ascii=True, separators=(",", ":"))


def event_body(job: Job, event: events.Event, public: PublicText) -> dict[str, Any]:
    """One event as DESIGN names it: `{"type": "progress", "step": 7, …}`."""
    body: dict[str, Any] = {"type": type(event).__name__.lower()} | _fields(event, public)
    if isinstance(event, events.Preview):
        body["url"] = f"{PREFIX}/jobs/{job.id}/preview?step={event.step}"
    if "images" in body:
        body["images"] = [image.model_dump() for image in body["images"]]
    return body


def _fields(event: events.Event, public: PublicText) -> dict[str, Any]:
    match event:
        case events.Queued(position):
            return {"position": position}
        case events.Loading(stage, fraction):
            return {"stage": stage, "fraction": fraction}
        case events.Progress():
            return dataclasses.asdict(event)
        case events.Preview(step, _):
            return {"step": step}
        case events.Finished(pictures, elapsed_s):
            return {
                "images": [image_body(p, public) for p in pictures],
                "elapsed_s": elapsed_s,
                "warnings": [public(text) for text in event.warnings],
            }
        case events.Cancelled(pictures):
            return {"images": [image_body(p, public) for p in pictures]}
        case events.Failed(error, _, field):
            return {"error": error, "message": public(str(event.cause)), "field": field or None}
        case _:
            return {}

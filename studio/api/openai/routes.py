"""The routes below `/v1`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from studio.api.caller import Account
from studio.api.models import ModelListing
from studio.api.openai.asked import Asked
from studio.api.openai.described import (
    EDIT_BODY,
    GENERATION_BODY,
    IMAGES,
    MODEL,
    MODELS,
    REFUSED,
)
from studio.api.openai.forms import read_form
from studio.api.openai.requests import Requests
from studio.api.openai.sent import CANCELLED, Answers, Kind
from studio.api.places import PublicText
from studio.api.refusal import refusal
from studio.domain.errors import NotFound
from studio.domain.events import Cancelled, Failed, Finished, Preview, Progress
from studio.domain.refs import ModelRef
from studio.domain.request import GenerationRequest
from studio.gallery.files import Gallery
from studio.gallery.inputs import Inputs
from studio.jobs.job import Job
from studio.jobs.queue import JobQueue

LOOK_S = 0.5
"""So often it is looked whether the caller is still there."""
_SILENCE_S = 5.0


class _Desk:
    """Takes requests in, and answers them once they are drawn."""

    def __init__(self, queue: JobQueue, gallery: Gallery, public: PublicText) -> None:
        self._queue, self._gallery, self._public = queue, gallery, public

    async def answer(
        self,
        http: Request,
        account: str,
        kind: Kind,
        asked: Asked,
        made: tuple[GenerationRequest, list[str]],
    ) -> Response:
        """Queue the request and wait for it, or stream what happens. A caller that leaves cancels
        its job."""
        request, ignored = made
        job = await run_in_threadpool(self._queue.submit, request, None, account)
        base = str(http.base_url).rstrip("/")
        answers = Answers(asked, ignored, self._gallery, base, self._public)
        if asked.stream:
            if asked.partial_images:
                job.watched()
            return StreamingResponse(
                self._streamed(job, kind, asked.partial_images, answers),
                media_type="text/event-stream",
                headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
            )
        try:
            after = 0
            while not job.events.closed:
                news = await job.events.wait(after, LOOK_S)
                after = max((number for number, _ in news), default=after)
                if await http.is_disconnected():
                    return Response(status_code=499)  # nobody hears it
            return await run_in_threadpool(_ended, job, answers)
        finally:
            self._let_go(job)

    async def _streamed(
        self, job: Job, kind: Kind, partials: int, answers: Answers
    ) -> AsyncIterator[str]:
        after = told = 0
        try:
            while True:
                if partials:
                    job.watched()
                news = await job.events.wait(after, _SILENCE_S)
                for number, event in news:
                    after = number
                    if isinstance(event, Preview) and told < _due(job, partials):
                        yield await run_in_threadpool(answers.partial, kind, told, event.jpeg)
                        told += 1
                    elif isinstance(event, (Failed, Cancelled)):
                        yield answers.failed(event)
                    elif isinstance(event, Finished):
                        for picture in event.pictures:
                            yield await run_in_threadpool(answers.completed, kind, picture)
                if not news:
                    yield ": still here\n\n"  # so that a dead connection is noticed
                if job.events.closed and not job.events.since(after):
                    return
        finally:
            self._let_go(job)

    def _let_go(self, job: Job) -> None:
        if not job.events.closed:
            self._queue.cancel(job.id)


def _due(job: Job, partials: int) -> int:
    """How many previews may have been told by now: they come evenly over the steps."""
    progress = job.events.newest(Progress)
    done = progress.step / progress.total if progress else 0.0
    return min(partials, int(done * (partials + 1)))


def _ended(job: Job, answers: Answers) -> Response:
    """Raises the `StudioError` of a run that failed."""
    if failed := job.events.newest(Failed):
        raise failed.cause
    if job.events.newest(Cancelled):
        return refusal(400, "Cancelled", CANCELLED)
    return JSONResponse(answers.all(job.pictures))


def build_openai_router(
    queue: JobQueue,
    gallery: Gallery,
    inputs: Inputs,
    listing: ModelListing,
    default: Callable[[], str | None],
) -> APIRouter:
    """`default()` names the checkpoint that draws where a caller names none of ours."""
    router = APIRouter(prefix="/v1", tags=["OpenAI"], responses=REFUSED)
    desk, requests = _Desk(queue, gallery, listing.public), Requests(listing, inputs)
    _add_models(router, listing)

    @router.post(
        "/images/generations",
        openapi_extra=GENERATION_BODY,
        response_class=Response,
        responses=IMAGES,
    )
    async def generations(http: Request, account: Account) -> Response:
        """Text to image, as OpenAI's API has it. What of it is supported: docs/api.md."""
        asked = await run_in_threadpool(Asked.parse, await http.body())
        made = await run_in_threadpool(requests.generation, asked, default())
        return await desk.answer(http, account, "image_generation", asked, made)

    @router.post(
        "/images/edits", openapi_extra=EDIT_BODY, response_class=Response, responses=IMAGES
    )
    async def edits(http: Request, account: Account) -> Response:
        """Inpainting where the mask is transparent, without one image to image, as OpenAI's API
        has it. Further images are references."""
        fields, sent = await read_form(http)
        asked = Asked.parse(fields)
        made = await run_in_threadpool(requests.edit, asked, default(), sent)
        return await desk.answer(http, account, "image_edit", asked, made)

    return router


def _add_models(router: APIRouter, listing: ModelListing) -> None:
    @router.get("/models", response_class=JSONResponse, responses=MODELS)
    def models() -> dict[str, Any]:
        """The checkpoints."""
        return {"object": "list", "data": [_model(ref) for ref in listing.catalog.refs()]}

    @router.get("/models/{id:path}", response_class=JSONResponse, responses=MODEL)
    def model(id: str) -> dict[str, Any]:
        """One checkpoint."""
        names = {ref.name: ref for ref in listing.catalog.refs()}
        if id not in names:
            raise NotFound(f"There is no checkpoint {id[:80]!r}. What there is: GET /v1/models.")
        return _model(names[id])


def _model(ref: ModelRef) -> dict[str, Any]:
    return {
        "id": ref.name,
        "object": "model",
        "created": ref.file.modified_ns // 10**9,
        "owned_by": "latent-studio",
    }

"""Routes of the queue as a whole: paused, cleared, and what a request would come to in it."""

from __future__ import annotations

from functools import partial
from typing import Literal

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from studio.api.answers import EVERYWHERE, refusals
from studio.api.caller import Account
from studio.api.places import PublicText
from studio.api.refusal import missing_body
from studio.api.wire import PREFIX, REQUEST_BODY, ClearedBody, ForecastBody, QueueBody
from studio.domain.accounts import may_change
from studio.domain.errors import InvalidRequest
from studio.domain.request import GenerationRequest
from studio.jobs.job import JobState
from studio.jobs.outlook import Outlook
from studio.jobs.pages import ENDED, Pages
from studio.jobs.queue import JobQueue


async def request_of(http: Request) -> GenerationRequest:
    """The one in the body. Raises `InvalidRequest`."""
    body = await http.body()
    if not body:
        raise InvalidRequest(missing_body(GenerationRequest))
    # A body of many MB takes a while to parse: not in the thread that serves everybody.
    return await run_in_threadpool(GenerationRequest.parse, body)


def build_queue_router(
    queue: JobQueue, pages: Pages, outlook: Outlook, public: PublicText
) -> APIRouter:
    """Messages are made `public`."""
    router = APIRouter(responses=EVERYWHERE)

    @router.post(
        f"{PREFIX}/forecast",
        tags=["jobs"],
        openapi_extra=REQUEST_BODY,
        responses=refusals(404, 422, 507),
    )
    async def forecast(http: Request, account: Account) -> ForecastBody:
        """How long a request would take, whether there is memory for it, and when it would begin:
        as far as is known from those that were drawn on this machine. Nothing is loaded for it."""
        request = await request_of(http)
        foretold, memory = await run_in_threadpool(outlook.of_request, request, account)
        refusal = memory.refusal if memory else None
        return ForecastBody(
            seconds=foretold.seconds,
            memory_bytes=memory.needed_bytes if memory else None,
            fits=refusal is None,
            why=public(str(refusal)) if refusal else None,
            waits_s=foretold.waits_s,
        )

    @router.delete(f"{PREFIX}/jobs", tags=["jobs"], responses=refusals(422))
    def clear(
        account: Account,
        state: Literal["queued", "finished", "failed", "cancelled", "ended"],
        mine: bool = True,
    ) -> ClearedBody:
        """Forget all of one's own jobs in a state (ended: all three ends), stopping those that
        wait; their pictures stay. `mine=0`: those of guests too."""
        states = ENDED if state == "ended" else (JobState(state),)
        may = account.__eq__ if mine else partial(may_change, account)
        return ClearedBody(deleted=pages.clear(states, may))

    @router.post(f"{PREFIX}/queue/pause", tags=["jobs"])
    def pause() -> QueueBody:
        """Begin no more jobs, through a restart too; what is under way goes on."""
        queue.pause()
        return QueueBody(paused=True, waiting=queue.waiting)

    @router.post(f"{PREFIX}/queue/resume", tags=["jobs"])
    def resume() -> QueueBody:
        """Begin jobs again."""
        queue.resume()
        return QueueBody(paused=False, waiting=queue.waiting)

    return router

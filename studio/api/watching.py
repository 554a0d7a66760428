"""What is asked again and again while a job runs. Answers are made once for all who ask: many may
watch, and what is spent on them is taken from the drawing."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Scope

from studio.api.answers import EVERYWHERE, Answers, refusals, sends
from studio.api.places import PublicText
from studio.api.polled import Ways
from studio.api.wire import PREFIX, JobBody, event_body, job_body, state_header
from studio.domain.errors import NotFound
from studio.domain.events import Event, Preview
from studio.jobs.job import Job, JobState
from studio.jobs.outlook import Foretold, Outlook
from studio.jobs.queue import JobQueue

POLL_S = 5.0
"""How long a long poll, and the silence of an event stream, lasts at most. Shorter than the ten
seconds for which a look at the previews counts, so that a watcher keeps them coming."""

_EVENTS: Answers = {
    200: {
        "description": "Of each event its number and, as JSON on one line, what happened",
        "content": {
            "text/event-stream": {
                "example": 'id: 7\ndata: {"type": "progress", "step": 3, "total": 9}\n\n'
            }
        },
    },
    204: sends("The job has ended, and all its events were seen"),
}
_BESIDE = {"X_Seq": "The newest event's number", "X_State": "The job's state as JSON"}
_PREVIEW: Answers = {
    200: sends("The newest preview; with `after` empty if it is older", "image/jpeg", **_BESIDE),
    204: sends("With `after`: nothing new happened", **_BESIDE),
}
_MOST_TEXTS = 64


class _Told:
    """Of jobs, as text; the newest are remembered. For one event loop."""

    def __init__(self, public: PublicText) -> None:
        self._public = public
        self._texts: OrderedDict[tuple[str, str, int], str] = OrderedDict()

    def event(self, job: Job, number: int, event: Event) -> str:
        """One server-sent event."""

        def made() -> str:
            return f"id: {number}\ndata: {json.dumps(event_body(job, event, self._public))}\n\n"

        return self._once(("event", job.id, number), made)

    def body(self, job: Job, foretold: Callable[[Job], Foretold]) -> str:
        """As `wire.job_body`."""

        def made() -> str:
            return job_body(job, self._public, foretold(job)).model_dump_json()

        is_open = job.state in (JobState.LOADING, JobState.RUNNING) and not job.events.closed
        return self._once(("body", job.id, job.events.count), made) if is_open else made()

    def state(self, job: Job) -> str:
        """As `wire.state_header`."""
        number = job.events.count
        if job.events.closed:  # what is told of its end comes after its last event
            return state_header(job, self._public)
        return self._once(("state", job.id, number), lambda: state_header(job, self._public))

    def _once(self, key: tuple[str, str, int], make: Callable[[], str]) -> str:
        text = self._texts.get(key)
        if text is None:
            text = self._texts[key] = make()
            if len(self._texts) > _MOST_TEXTS:
                self._texts.popitem(last=False)
        return text


def build_watching_router(
    queue: JobQueue, outlook: Outlook, public: PublicText, ways: Ways
) -> APIRouter:
    """Where a job stands, for which there is one of `ways` too, its events and its previews. These
    routes come first: a route is looked for among all before it."""
    router = APIRouter(responses=EVERYWHERE, tags=["jobs"])
    told = _Told(public)

    async def found(id: str) -> Job:
        return queue.remembered(id) or await run_in_threadpool(queue.get, id)

    @router.get(f"{PREFIX}/jobs/{{id}}", response_model=JobBody, responses=refusals(404, 422))
    async def get_job(id: str) -> Response:
        """Where a job stands."""
        job = await found(id)
        if job.state is JobState.QUEUED:  # all that wait before it are looked at
            foretold = await run_in_threadpool(outlook.of_job, job)
            text = told.body(job, lambda _: foretold)
        else:
            text = told.body(job, outlook.of_job)
        return Response(text, media_type="application/json")

    def way_to_job(_: Scope, id: str) -> str | None:
        job = queue.remembered(id)
        waits_for_nothing = job is not None and job.state is not JobState.QUEUED
        return told.body(job, outlook.of_job) if waits_for_nothing else None

    ways[rf"{PREFIX}/jobs/([^/]+)"] = way_to_job
    _add_streams(router, found, told)
    return router


def _add_streams(router: APIRouter, found: Callable[[str], Awaitable[Job]], told: _Told) -> None:
    @router.get(
        f"{PREFIX}/jobs/{{id}}/events",
        response_class=Response,
        responses=_EVENTS | refusals(404, 422),
    )
    async def events(
        id: str,
        last_event_id: Annotated[int, Header(ge=0, alias="Last-Event-ID")] = 0,
        previews: bool = True,
    ) -> Response:
        """Server-sent events from the present state on, until the job ends.

        After a lost connection `Last-Event-ID` leaves out what was already seen. Without `previews`
        none are drawn for this reader.
        """
        job = await found(id)
        if job.events.closed and not job.events.since(last_event_id):
            return Response(status_code=204)  # tells a browser's EventSource not to come again
        return StreamingResponse(
            _server_sent(job, last_event_id, previews, told),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    @router.get(
        f"{PREFIX}/jobs/{{id}}/preview",
        response_class=Response,
        responses=_PREVIEW | refusals(404, 422),
    )
    async def preview(
        id: str,
        after: Annotated[int | None, Query(ge=0)] = None,
        step: Annotated[int | None, Query(ge=0)] = None,
    ) -> Response:
        """The newest preview, a JPEG; `step` only keeps addresses apart.

        With `after`, a long poll: waits up to 5 s for an event newer than that number. The answer
        is the newest preview if that is newer, else empty; `X-Seq` is the newest event's number
        and `X-State` the job's state. 204 says that nothing new happened.
        """
        job = await found(id)
        job.watched()
        if after is not None:
            return await _long_poll(job, after, told)
        newest = job.events.newest(Preview)
        if newest is None:
            raise NotFound("There is no preview of this job yet. Ask again after its first step.")
        return _jpeg(newest.jpeg)


async def _server_sent(job: Job, after: int, previews: bool, told: _Told) -> AsyncIterator[str]:
    while True:
        if previews:
            job.watched()
        news = await job.events.wait(after, POLL_S)
        # What came together goes together: a piece costs as much to send as an event to tell.
        pieces = [told.event(job, number, event) for number, event in news]
        yield "".join(pieces) or ": still here\n\n"  # so that a dead connection is noticed
        after = news[-1][0] if news else after
        if job.events.closed and not job.events.since(after):
            return


async def _long_poll(job: Job, after: int, told: _Told) -> Response:
    news = await job.events.wait(after, POLL_S)
    headers = {
        "X-Seq": str(max((number for number, _ in news), default=after)),
        "X-State": told.state(job),
        "Cache-Control": "no-store",
    }
    if not news:
        return Response(status_code=204, headers=headers)
    jpegs = [event.jpeg for _, event in news if isinstance(event, Preview)]
    return _jpeg(*jpegs, headers=headers)


def _jpeg(jpeg: bytes = b"", headers: dict[str, str] | None = None) -> Response:
    headers = headers or {"Cache-Control": "no-store"}
    return Response(jpeg, media_type="image/jpeg", headers=headers)

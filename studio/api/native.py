"""The studio's own API, `/studio/v1`, and `/healthz`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import PlainTextResponse, Response
from starlette.concurrency import run_in_threadpool

from studio.api.answers import EVERYWHERE, WITHOUT_LOGIN, refusals, sends
from studio.api.caller import Account
from studio.api.metrics import prometheus_text
from studio.api.places import PublicText
from studio.api.polled import Ways
from studio.api.queueing import request_of
from studio.api.wire import (
    PREFIX,
    REQUEST_BODY,
    CreatedBody,
    JobBody,
    JobChange,
    JobsBody,
    job_body,
)
from studio.domain.accounts import check_owner, shown
from studio.domain.errors import NotFound
from studio.gallery.files import Gallery
from studio.jobs.job import JobState
from studio.jobs.outlook import Foretold, Outlook
from studio.jobs.pages import Pages
from studio.jobs.queue import JobQueue
from studio.safety.desk import Safety


def build_router(
    queue: JobQueue,
    pages: Pages,
    outlook: Outlook,
    gallery: Gallery,
    status: Callable[[], dict[str, Any]],
    public: PublicText,
    *,
    safety: Safety,
) -> APIRouter:
    """All routes. `status()` is `Studio.status`; messages are made `public`; `safety` says who sees
    what."""
    router = APIRouter(responses=EVERYWHERE)
    _add_job_routes(router, queue, pages, outlook, public, safety)
    _add_own_job_routes(router, queue, public)

    @router.get(f"{PREFIX}/status", tags=["studio"])
    def present(account: Account) -> dict[str, Any]:
        """The checkpoint, whether it is loaded, the device, the jobs that wait, and who asks:
        `account` is the login's name, null for a guest. Pictures are shown blurred to it whose
        `nsfw` is at least `blurs_from`; null: none are."""
        asks = {"account": shown(account), "blurs_from": safety.blurs_from(account)}
        return present_state(status, public) | asks

    text_sent = {200: sends("Prometheus' text form", "text/plain")}

    @router.get("/metrics", tags=["studio"], response_class=Response, responses=text_sent)
    def metrics() -> Response:
        """Figures for Prometheus."""
        text = prometheus_text(queue, gallery)
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    @router.api_route(
        f"{PREFIX}/{{rest:path}}",
        methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        include_in_schema=False,
    )
    def unknown(rest: str) -> None:
        raise NotFound(f"There is no {PREFIX}/{rest[:80]}. What there is stands at /docs.")

    return router


def present_state(status: Callable[[], dict[str, Any]], public: PublicText) -> dict[str, Any]:
    """`status()`, its messages made `public`."""
    now = status()
    return now | {key: now[key] and public(now[key]) for key in ("message", "disk")}


def build_open_router(ways: Ways) -> APIRouter:
    """What needs no login; one of `ways` too."""
    router = APIRouter(responses=WITHOUT_LOGIN)

    @router.get("/healthz", tags=["studio"])
    async def health() -> dict[str, str]:
        """Is the studio up? Needs no login, and tells no more."""
        return {"status": "ok"}

    ways["/healthz"] = lambda scope, path: b'{"status":"ok"}'
    return router


def _add_job_routes(
    router: APIRouter,
    queue: JobQueue,
    pages: Pages,
    outlook: Outlook,
    public: PublicText,
    safety: Safety,
) -> None:
    @router.post(
        f"{PREFIX}/jobs",
        tags=["jobs"],
        openapi_extra=REQUEST_BODY,
        responses=refusals(404, 422, 507),
    )
    async def submit(
        http: Request,
        account: Account,
        key: Annotated[str | None, Header(alias="Idempotency-Key", max_length=200)] = None,
        keep: bool = True,
    ) -> CreatedBody:
        """Queue a request. It is kept through any end of the studio once this was answered. The
        same `Idempotency-Key` again from the same account gives the same job, whatever the
        body.

        With `keep=false` it is drawn to be looked at, as while somebody paints: it takes its turn
        like any other, but joins neither the list of jobs nor the library nor the history of
        prompts, and no key finds it. It and its pictures are there for a while, as long as newer
        ones do not need the room; `POST /studio/v1/images/{id}/store` keeps one."""
        request = await request_of(http)
        if not keep:
            job = await run_in_threadpool(queue.show, request, account)
            return CreatedBody(id=job.id)
        job = await run_in_threadpool(queue.submit, request, key, account)
        return CreatedBody(id=job.id)

    @router.get(f"{PREFIX}/jobs", tags=["jobs"], responses=refusals(422))
    def list_jobs(
        account: Account,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        before: Annotated[str | None, Query(max_length=500)] = None,
        state: JobState | None = None,
        mine: bool = False,
    ) -> JobsBody:
        """A page of at most `limit` jobs: those under way, those that wait in their order, then
        those that have ended, newest first. `before` is the `next` of the page that came before;
        with `state` only those in it, with `mine` only one's own, as always of a pupil's in a
        class."""
        mine = mine or not safety.sees_all(account)
        page = pages.page(limit, before, state, account if mine else None)
        foretold = outlook.of_jobs()
        jobs = [job_body(job, public, foretold.get(job.id, Foretold())) for job in page.jobs]
        return JobsBody(jobs=jobs, next=page.next)


def _add_own_job_routes(router: APIRouter, queue: JobQueue, public: PublicText) -> None:
    def own(id: str, account: str) -> str:
        """`id`, which is that of a job that `account` may change."""
        check_owner(account, queue.get(id).owner, f"Job {id}")
        return id

    @router.post(f"{PREFIX}/jobs/{{id}}/cancel", tags=["jobs"], responses=refusals(404, 422))
    def cancel(id: str, account: Account) -> JobBody:
        """Stop a job, in the middle of a step too. Harmless when it has ended."""
        return job_body(queue.cancel(own(id, account)), public)

    @router.patch(f"{PREFIX}/jobs/{{id}}", tags=["jobs"], responses=refusals(404, 422))
    def move(id: str, change: JobChange, account: Account) -> JobBody:
        """Let a job that waits wait at another place."""
        return job_body(queue.move(own(id, account), change.position), public)

    @router.post(f"{PREFIX}/jobs/{{id}}/again", tags=["jobs"], responses=refusals(404, 422, 507))
    def again(id: str, account: Account) -> CreatedBody:
        """Queue the very same request once more, seed included."""
        return CreatedBody(id=queue.again(own(id, account), account).id)

    @router.delete(
        f"{PREFIX}/jobs/{{id}}", tags=["jobs"], status_code=204, responses=refusals(404, 422)
    )
    def delete(id: str, account: Account) -> Response:
        """Stop a job and forget it; its pictures stay."""
        queue.delete(own(id, account))
        return Response(status_code=204)

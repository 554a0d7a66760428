"""A request whose prompts are many, as a job for each of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from studio.api.answers import EVERYWHERE, refusals
from studio.api.caller import Account
from studio.api.queueing import request_of
from studio.api.wire import PREFIX, REQUEST_BODY
from studio.catalog.combinations import Combinations
from studio.domain.request import GenerationRequest
from studio.jobs.line import MAX_WAITING
from studio.jobs.queue import JobQueue

Combine = Callable[[GenerationRequest, int, bool, str], Combinations]
"""(request, limit, whether the seed is fixed, account), as `Words.combinations`."""
LIMIT = 16
"""More jobs than these are queued only for those who ask for them."""


class CombinationsBody(BaseModel):
    """How many different prompts there are, and the ids of the jobs that draw them, in order."""

    count: int
    jobs: list[str]


def build_combinations_router(queue: JobQueue, combine: Combine) -> APIRouter:
    """The route `/studio/v1/jobs/combinations`."""
    router = APIRouter(prefix=PREFIX, tags=["jobs"], responses=EVERYWHERE)

    @router.post(
        "/jobs/combinations",
        openapi_extra=REQUEST_BODY,
        responses=refusals(404, 422, 507),
    )
    async def submit(
        http: Request,
        account: Account,
        limit: Annotated[int, Query(ge=0, le=MAX_WAITING)] = LIMIT,
        fixed_seed: bool = False,
        key: Annotated[str | None, Header(alias="Idempotency-Key", max_length=200)] = None,
    ) -> CombinationsBody:
        """Queue a job for each of the prompts that those of a request are, by their choices
        `{a|b}` and wildcards `__name__`: all, or none where they are more than `limit`. With a
        `limit` of 0 they are counted alone. Seeds count up from job to job, unless `fixed_seed`
        says otherwise. The same `Idempotency-Key` again gives the same jobs."""
        request = await request_of(http)
        return await run_in_threadpool(queued, request, limit, fixed_seed, account, key)

    def queued(
        request: GenerationRequest, limit: int, fixed_seed: bool, account: str, key: str | None
    ) -> CombinationsBody:
        found = combine(request, limit, fixed_seed, account)
        jobs = queue.submit_all(found.requests, key, account) if found.requests else []
        return CombinationsBody(count=found.count, jobs=[job.id for job in jobs])

    return router

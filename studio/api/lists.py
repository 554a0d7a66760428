"""Lists of jobs at one call: a prompt on each line of a text, a request several times."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header
from pydantic import BaseModel, ConfigDict, Field

from studio.api.answers import EVERYWHERE, refusals
from studio.api.caller import Account
from studio.api.grids import ManyForecastBody, foretold
from studio.api.wire import PREFIX
from studio.domain import prompt_lines
from studio.domain.prompt_lines import LinesInput
from studio.domain.request import GenerationRequest
from studio.jobs.line import MAX_WAITING
from studio.jobs.outlook import Outlook
from studio.jobs.queue import JobQueue

_Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=200)]


class BatchesInput(BaseModel):
    """`count` batches of `request`."""

    model_config = ConfigDict(extra="forbid")

    request: GenerationRequest
    count: Annotated[int, Field(ge=1, le=MAX_WAITING)] = 1


class ListedBody(BaseModel):
    """The ids of the jobs, in order."""

    count: int
    jobs: list[str]


def build_lists_router(queue: JobQueue, outlook: Outlook) -> APIRouter:
    """The routes `/studio/v1/jobs/prompts` and `/studio/v1/jobs/batches`."""
    router = APIRouter(prefix=f"{PREFIX}/jobs", tags=["jobs"], responses=EVERYWHERE)

    def queued(requests: list[GenerationRequest], key: str | None, account: str) -> ListedBody:
        jobs = queue.submit_all(requests, key, account)
        return ListedBody(count=len(jobs), jobs=[job.id for job in jobs])

    @router.post("/prompts", responses=refusals(404, 422, 507))
    def prompts(lines: LinesInput, account: Account, key: _Key = None) -> ListedBody:
        """Queue a job for each line of a text, or none: at most 200. A line is a prompt, or begins
        with `--` and says what is different in its picture, in AUTOMATIC1111's words: `--prompt
        "a cat" --steps 20 --sampler_name "Euler a"`."""
        return queued(prompt_lines.requests(lines), key, account)

    @router.post("/prompts/forecast", responses=refusals(404, 422, 507))
    def forecast(lines: LinesInput, account: Account) -> ManyForecastBody:
        """How many jobs the lines are, and how long they would take."""
        return foretold(outlook, prompt_lines.requests(lines), account)

    @router.post("/batches", responses=refusals(404, 422, 507))
    def batches(wanted: BatchesInput, account: Account, key: _Key = None) -> ListedBody:
        """Queue a request several times, or not at all, the seeds going on from batch to batch:
        AUTOMATIC1111's batch count."""
        return queued(wanted.request.batches(wanted.count), key, account)

    return router

"""Trainings over HTTP: queued, watched, paused, ended."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from pydantic import BaseModel, ConfigDict
from starlette.responses import StreamingResponse

from studio.api.answers import EVERYWHERE, Answers, refusals, sends
from studio.api.caller import Account
from studio.api.places import PublicText
from studio.api.wire import PREFIX
from studio.catalog.catalog import Catalog
from studio.domain.accounts import shown
from studio.domain.errors import NotFound
from studio.domain.events import Failed
from studio.domain.hours import Hours
from studio.domain.training import AnyTraining, Done, Preparing, Trained, TrainingKind
from studio.domain.training_order import TrainingOrder, suited
from studio.jobs.job import JobState
from studio.jobs.queue import JobQueue
from studio.tuning.job import TrainingJob, TrainingState, Wish
from studio.tuning.trainings import Trainings

_POLL_S = 5.0
_EVENTS: Answers = {
    200: {
        "description": "Of each event its number and, as JSON on one line, what happened",
        "content": {
            "text/event-stream": {
                "example": 'id: 7\ndata: {"type": "trained", "step": 3, "loss": 0.2}\n\n'
            }
        },
    },
    204: sends("The training has ended, and all its events were seen"),
}


class SampleBody(BaseModel):
    """A picture that shows what is known at a step; its `state` is that of its `job`, or forgotten;
    `image`: the picture's id, once it is drawn."""

    prompt: str
    job: str
    state: str
    image: str | None = None


class SheetBody(BaseModel):
    """The samples of a step; 0: without what is learnt."""

    step: int
    samples: list[SampleBody]


class TrainingBody(BaseModel):
    """Where a training stands. What is not known (yet) is null.

    owner      the login that it belongs to; null for a guest's
    waits_until      the time of the day, as "22:00", at which its hours begin, for which it waits
    wish       what it does after the step under way: pause, stop (end with the best), or null
    preparing  what is made ready, and `done` of `total` of it
    steps      how many it learns; `step`: so many it has learnt, the last with this `loss`
    validation_loss  the newest on the pictures that are only tested on
    memory_bytes     most that was taken of the device, of host memory where it is the CPU
    losses, validation_losses   [step, loss], means of `points` steps each where there were many
    remarks    what should be known of it
    result     what came of it, as a request names it
    message    why it failed
    """

    id: str
    owner: str | None
    created: str
    state: TrainingState
    waits_until: str | None = None
    wish: Wish | None
    order: TrainingOrder
    preparing: str | None = None
    done: int | None = None
    total: int | None = None
    step: int
    steps: int
    loss: float | None = None
    validation_loss: float | None = None
    seconds_left: float | None = None
    memory_bytes: int | None = None
    losses: list[tuple[int, float]]
    validation_losses: list[tuple[int, float]]
    points: int
    remarks: list[str]
    sheets: list[SheetBody]
    result: str | None
    message: str | None


class TrainingsBody(BaseModel):
    """All of them, newest first."""

    trainings: list[TrainingBody]


class ChangedBody(BaseModel):
    """What of a training may be other once it is queued. `hours`: null for any time."""

    model_config = ConfigDict(extra="forbid")

    hours: Hours | None


class SuitedBody(BaseModel):
    """Where to begin with a checkpoint: settings of a training, and the side of its pictures.
    `fields`: what each of them is, as JSON Schema."""

    checkpoint: str
    family: str
    resolution: int
    training: AnyTraining
    fields: dict[str, Any]


def build_training_router(
    trainings: Trainings, catalog: Catalog, queue: JobQueue, public: PublicText
) -> APIRouter:
    """The routes below `/studio/v1/training`. Messages are made `public`."""
    router = APIRouter(prefix=f"{PREFIX}/training", tags=["training"], responses=EVERYWHERE)

    def body(job: TrainingJob) -> TrainingBody:
        told = _body(job, queue, public)
        if job.state is TrainingState.QUEUED:
            told.waits_until = trainings.waits_until(job)
        return told

    @router.post("", responses=refusals(404, 422, 507))
    def submit(order: TrainingOrder, account: Account) -> TrainingBody:
        """Train a LoRA or an embedding on a set of pictures, a step at a time, in turn with what is
        drawn. It goes on after any end of the studio, from what was kept last, to the bit."""
        return body(trainings.submit(order, account))

    @router.get("")
    def list_trainings() -> TrainingsBody:
        """All there are, newest first."""
        return TrainingsBody(trainings=[body(job) for job in trainings.all()])

    @router.get("/suited", responses=refusals(404, 422))
    def suits(
        checkpoint: Annotated[str | None, Query(max_length=1000)] = None,
        kind: TrainingKind = "lora",
    ) -> SuitedBody:
        """Settings to begin with, for what is trained and a checkpoint or the first one."""
        ref = catalog.find(checkpoint)
        training = suited(ref.family.name, kind)
        return SuitedBody(
            checkpoint=ref.name,
            family=ref.family.name,
            resolution=ref.family.native_size[0],
            training=training,
            fields=type(training).model_json_schema()["properties"],
        )

    _add_own(router, trainings, body)
    _add_events(router, trainings, public)
    return router


def _add_own(router: APIRouter, trainings: Trainings, body: Any) -> None:
    answers = refusals(404, 422, 507)

    @router.get("/{id}", responses=refusals(404, 422))
    def get_training(id: str) -> TrainingBody:
        """Where it stands."""
        return body(trainings.get(id))

    @router.patch("/{id}", responses=answers)
    def change(id: str, changed: ChangedBody, account: Account) -> TrainingBody:
        """Other hours for it, or null: any time. One that is under way outside of them keeps what
        it has learnt, and waits."""
        return body(trainings.keep_hours(id, changed.hours, account))

    @router.post("/{id}/pause", responses=answers)
    def pause(id: str, account: Account) -> TrainingBody:
        """After the step under way it is kept and leaves the memory."""
        return body(trainings.pause(id, account))

    @router.post("/{id}/resume", responses=answers)
    def resume(id: str, account: Account) -> TrainingBody:
        """It goes on, to the bit as if it had never stopped; also one that failed."""
        return body(trainings.resume(id, account))

    @router.post("/{id}/stop", responses=answers)
    def stop(id: str, account: Account) -> TrainingBody:
        """It ends early with what it has learnt: of the step that did best on the validation, or
        the last."""
        return body(trainings.stop(id, account))

    @router.delete("/{id}", status_code=204, responses=answers)
    def delete(id: str, account: Account) -> Response:
        """Forget it; files and samples that came of it stay."""
        trainings.delete(id, account)
        return Response(status_code=204)


def _add_events(router: APIRouter, trainings: Trainings, public: PublicText) -> None:
    @router.get("/{id}/events", response_class=Response, responses=_EVENTS | refusals(404, 422))
    async def events(
        id: str, last_event_id: Annotated[int, Header(ge=0, alias="Last-Event-ID")] = 0
    ) -> Response:
        """Server-sent events from the present state on, until it ends: of each kind the newest.
        After a lost connection `Last-Event-ID` leaves out what was already seen."""
        job = trainings.get(id)
        if job.events.closed and not job.events.since(last_event_id):
            return Response(status_code=204)
        return StreamingResponse(
            _server_sent(job, last_event_id, public),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )


async def _server_sent(job: TrainingJob, after: int, public: PublicText) -> AsyncIterator[str]:
    while True:
        news = await job.events.wait(after, _POLL_S)
        pieces = [
            f"id: {number}\ndata: {json.dumps(_event_body(event, public))}\n\n"
            for number, event in news
        ]
        yield "".join(pieces) or ": still here\n\n"
        after = news[-1][0] if news else after
        if job.events.closed and not job.events.since(after):
            return


def _event_body(event: Any, public: PublicText) -> dict[str, Any]:
    body = {"type": type(event).__name__.lower()} | dataclasses.asdict(event)
    return {
        key: public(str(value)) if key in ("path", "text", "message") else value
        for key, value in body.items()
    }


def _body(job: TrainingJob, queue: JobQueue, public: PublicText) -> TrainingBody:
    told: dict[str, Any] = {}
    for _, event in job.events.since():
        if isinstance(event, Preparing):
            told |= {"preparing": event.what, "done": event.done, "total": event.total}
        elif isinstance(event, Trained):
            told = dataclasses.asdict(event)
        elif isinstance(event, (Done, Failed)):
            told |= {"seconds_left": None}
    told |= {"step": job.step, "steps": job.order.training.steps}
    sheets = [SheetBody(step=step, samples=_samples(job, jobs, queue)) for step, jobs in job.sheets]
    return TrainingBody(
        id=job.id,
        owner=shown(job.owner),
        created=datetime.fromtimestamp(job.created_s, UTC).isoformat(timespec="seconds"),
        state=job.state,
        wish=job.wish,
        order=job.order,
        losses=job.curve.loss,
        validation_losses=job.curve.validation,
        points=job.curve.width,
        remarks=[public(text) for text in job.remarks],
        sheets=sheets,
        result=job.result,
        message=job.message and public(job.message),
        **told,
    )


def _samples(job: TrainingJob, jobs: list[str], queue: JobQueue) -> list[SampleBody]:
    found = []
    for prompt, id in zip(job.order.samples.prompts, jobs, strict=False):
        try:
            drawn = queue.get(id)
        except NotFound:
            found.append(SampleBody(prompt=prompt, job=id, state="forgotten"))
            continue
        image = drawn.pictures[0].id if drawn.state is JobState.FINISHED else None
        found.append(SampleBody(prompt=prompt, job=id, state=drawn.state.value, image=image))
    return found

"""Grids over HTTP: one request at all values of up to three axes, a job for each cell."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from studio.api.answers import EVERYWHERE, Answers, refusals, sends
from studio.api.caller import Account
from studio.api.places import PublicText
from studio.api.wire import PREFIX
from studio.domain import grids
from studio.domain.accounts import shown
from studio.domain.axes import AXES
from studio.domain.errors import NotFound
from studio.domain.events import Failed
from studio.domain.grids import GridInput
from studio.domain.request import GenerationRequest
from studio.gallery.files import Gallery
from studio.gallery.sheets import of_grid, png_of
from studio.imaging import reading
from studio.jobs.grids import Grid, Grids
from studio.jobs.job import Job
from studio.jobs.outlook import Outlook
from studio.provenance import xmp
from studio.safety.desk import Safety
from studio.store.cursor import cursor, values_of

_SHEET: Answers = {200: sends("The sheet", "image/png")}


class AxisBody(BaseModel):
    """An axis that there is. `kind` is what its values are: integer, number (both also as ranges),
    or text."""

    axis: str
    kind: str


class AxesBody(BaseModel):
    """All of them."""

    axes: list[AxisBody]


class LineBody(BaseModel):
    """An axis of a grid with its values, one by one, and as they stand beside the pictures;
    "Nothing" and one empty value where it has none, "Prompt matrix" where they are parts of the
    prompt."""

    axis: str
    values: list[str]
    labels: list[str]


class CellBody(BaseModel):
    """A cell: `place` along x, y and z; `state` of its job, or paused, or forgotten where that is
    no more; `image`: the id of its first picture."""

    place: tuple[int, int, int]
    job: str
    state: str
    image: str | None = None
    message: str | None = None


class GridBody(BaseModel):
    """A grid. `count` of cells, how many of them are `finished`; `created` in ISO 8601, UTC;
    `owner`: a login's name, null for guests; `columns`: after so many of them the cells of x go on
    in the next row, null where they do not."""

    id: str
    owner: str | None
    created: str
    count: int
    finished: int
    x: LineBody
    y: LineBody
    z: LineBody
    columns: int | None
    cells: list[CellBody]


class GridsBody(BaseModel):
    """A page of them, newest first; `next` is the cursor of the page after it."""

    grids: list[GridBody]
    next: str | None


class ManyForecastBody(BaseModel):
    """What would be queued: so many jobs, and `seconds` of work, null where that is not known."""

    count: int
    seconds: float | None


class AgainBody(BaseModel):
    """Which cells are drawn once more, by their places along x, y and z; null: all that were not
    finished."""

    model_config = ConfigDict(extra="forbid")

    places: Annotated[list[tuple[int, int, int]] | None, Field(max_length=grids.MOST_CELLS)] = None


def build_grids_router(
    at_work: Grids, outlook: Outlook, gallery: Gallery, safety: Safety, public: PublicText
) -> APIRouter:
    """The routes below `/studio/v1/grids`, and `/studio/v1/axes`. Messages are made `public`."""
    router = APIRouter(prefix=PREFIX, tags=["jobs"], responses=EVERYWHERE)
    router.add_api_route("/axes", _axes)
    _add_looking(router, at_work, gallery, safety, public)

    @router.post("/grids", responses=refusals(404, 422, 507))
    def submit(
        grid: GridInput,
        account: Account,
        key: Annotated[str | None, Header(alias="Idempotency-Key", max_length=200)] = None,
    ) -> GridBody:
        """Queue a job for each cell, or none: at most 200. They are ordinary jobs, which outlast
        the process. Where the request leaves its seed open, all cells have the same."""
        return grid_body(at_work.submit(grid, key, account), public)

    @router.post("/grids/forecast", responses=refusals(404, 422, 507))
    def forecast(grid: GridInput, account: Account) -> ManyForecastBody:
        """How many cells a grid would be, and how long it would take."""
        return foretold(outlook, [cell.request for cell in grids.cells(grid)], account)

    _add_changes(router, at_work, public)
    return router


def foretold(
    outlook: Outlook, requests: Sequence[GenerationRequest], account: str
) -> ManyForecastBody:
    """What `requests` of `account` come to."""
    seconds = [outlook.of_request(request, account)[0].seconds for request in requests]
    total = None if None in seconds else sum(seconds)
    return ManyForecastBody(count=len(requests), seconds=total)


def _add_changes(router: APIRouter, at_work: Grids, public: PublicText) -> None:
    @router.post("/grids/{id}/pause", responses=refusals(403, 404))
    def pause(id: str, account: Account) -> GridBody:
        """Take the cells that wait out of the queue, through a restart too, so that other jobs come
        before them; what is under way is drawn to its end."""
        return grid_body(at_work.pause(id, account), public)

    @router.post("/grids/{id}/resume", responses=refusals(403, 404))
    def resume(id: str, account: Account) -> GridBody:
        """Queue them again."""
        return grid_body(at_work.resume(id, account), public)

    @router.post("/grids/{id}/cancel", responses=refusals(403, 404))
    def cancel(id: str, account: Account) -> GridBody:
        """Stop what waits and runs of it; what was drawn stays."""
        return grid_body(at_work.cancel(id, account), public)

    @router.post("/grids/{id}/again", responses=refusals(403, 404, 422, 507))
    def again(id: str, wanted: AgainBody, account: Account) -> GridBody:
        """Draw cells once more, by their settings: by default all that were not finished."""
        return grid_body(at_work.again(id, wanted.places, account), public)

    @router.delete("/grids/{id}", status_code=204, responses=refusals(403, 404))
    def delete(id: str, account: Account) -> Response:
        """Forget a grid, stopping what is left of it; its pictures stay."""
        at_work.forget(id, account)
        return Response(status_code=204)


def seen_by(at_work: Grids, safety: Safety, id: str, account: str) -> Grid:
    """Raises `NotFound`, and `NotYours` where `account` may not see it."""
    grid = at_work.get(id)
    safety.require_sight_of(account, grid.row.owner, f"Grid {id}")
    return grid


def page_for(
    account: str,
    at_work: Grids,
    safety: Safety,
    limit: int,
    before: str | None,
    axes: tuple[str, str] | None = None,
) -> tuple[list[Grid], str | None]:
    """Those that `account` may see, newest first, of these `axes`, and the cursor of the page after
    them. Raises `InvalidRequest`."""
    place = values_of(before, float, str) if before is not None else ()
    owner = None if safety.sees_all(account) else account
    found = at_work.page(limit + 1, place, owner, axes)
    last = found[limit - 1].row if len(found) > limit else None
    return found[:limit], cursor(last.created_s, last.id) if last else None


def _axes() -> AxesBody:
    """What may differ from one picture of a grid to the next."""
    return AxesBody(axes=[AxisBody(axis=axis.title, kind=axis.kind) for axis in AXES.values()])


def _add_looking(
    router: APIRouter, at_work: Grids, gallery: Gallery, safety: Safety, public: PublicText
) -> None:
    seen = partial(seen_by, at_work, safety)

    @router.get("/grids", responses=refusals(422))
    def list_grids(
        account: Account,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        before: Annotated[str | None, Query(max_length=500)] = None,
    ) -> GridsBody:
        """All grids that the caller may see, newest first."""
        found, following = page_for(account, at_work, safety, limit, before)
        return GridsBody(grids=[grid_body(grid, public) for grid in found], next=following)

    @router.get("/grids/{id}", responses=refusals(403, 404))
    def find(id: str, account: Account) -> GridBody:
        """A grid with its cells."""
        return grid_body(seen(id, account), public)

    @router.get(
        "/grids/{id}/sheet", response_class=Response, responses=_SHEET | refusals(403, 404, 422)
    )
    def sheet_of(
        id: str, account: Account, z: Annotated[int, Query(ge=0, lt=grids.MOST_CELLS)] = 0
    ) -> Response:
        """Its pictures so far as one, with the values beside them: those at `z` along the third
        axis."""
        data = _sheet(seen(id, account), z, gallery)
        headers = {"Cache-Control": "no-store"}
        return Response(data, media_type="image/png", headers=headers)


def _sheet(grid: Grid, z: int, gallery: Gallery) -> bytes:
    def picture(place: tuple[int, int, int]) -> Image.Image | None:
        job = grid.jobs.get(place)
        id = _image(job) if job else None
        with suppress(NotFound):
            return reading.picture(gallery.bytes(id)) if id else None
        return None

    return png_of(gallery, of_grid(grid.grid, picture, z), xmp.term(grid.grid.request))


def _image(job: Job) -> str | None:
    return job.pictures[0].id if job.pictures else None


def created(grid: Grid) -> str:
    """In ISO 8601, UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(grid.row.created_s))


def grid_body(grid: Grid, public: PublicText) -> GridBody:
    """Its messages are made `public`."""
    lines = [
        LineBody(axis=line.axis.title, values=list(line.values), labels=list(line.labels))
        for line in grids.lines(grid.grid)
    ]
    cells = []
    for place, job in grid.jobs.items():
        failed = job.events.newest(Failed) if job else None
        cells.append(
            CellBody(
                place=place,
                job=grid.row.jobs[place],
                state=grid.state(place),
                image=_image(job) if job else None,
                message=public(failed.message) if failed else None,
            )
        )
    return GridBody(
        id=grid.row.id,
        owner=shown(grid.row.owner),
        created=created(grid),
        count=len(cells),
        finished=grid.states["finished"],
        x=lines[0],
        y=lines[1],
        z=lines[2],
        columns=grid.grid.columns,
        cells=cells,
    )

"""Grids over HTTP: one request at all values of up to three axes, a job for each cell."""

from __future__ import annotations

import io
import time
from contextlib import suppress
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
from studio.domain.errors import InvalidRequest, NotFound
from studio.domain.events import Failed
from studio.domain.grids import GridInput
from studio.gallery.files import Gallery
from studio.gallery.sheets import sheet
from studio.imaging import reading
from studio.jobs.grids import Grid, Grids
from studio.jobs.job import Job
from studio.jobs.outlook import Outlook
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
    """An axis of a grid with its values, one by one; "Nothing" and one empty value where it has
    none."""

    axis: str
    values: list[str]


class CellBody(BaseModel):
    """A cell: `place` along x, y and z; `state` of its job, forgotten where that is no more;
    `image`: the id of its first picture."""

    place: tuple[int, int, int]
    job: str
    state: str
    image: str | None = None
    message: str | None = None


class GridBody(BaseModel):
    """A grid. `count` of cells, how many of them are `finished`; `created` in ISO 8601, UTC;
    `owner`: a login's name, null for guests."""

    id: str
    owner: str | None
    created: str
    count: int
    finished: int
    x: LineBody
    y: LineBody
    z: LineBody
    cells: list[CellBody]


class GridsBody(BaseModel):
    """A page of them, newest first; `next` is the cursor of the page after it."""

    grids: list[GridBody]
    next: str | None


class GridForecastBody(BaseModel):
    """What a grid would be: so many pictures, and `seconds` of work, null where that is not
    known."""

    count: int
    seconds: float | None


class AgainBody(BaseModel):
    """Which cells are drawn once more, by their places along x, y and z; null: all that were not
    finished."""

    model_config = ConfigDict(extra="forbid")

    places: Annotated[list[tuple[int, int, int]] | None, Field(max_length=grids.MOST_CELLS)] = None


def build_grids_router(
    at_work: Grids, outlook: Outlook, gallery: Gallery, public: PublicText
) -> APIRouter:
    """The routes below `/studio/v1/grids`, and `/studio/v1/axes`. Messages are made `public`."""
    router = APIRouter(prefix=PREFIX, tags=["jobs"], responses=EVERYWHERE)
    _add_looking(router, at_work, gallery, public)

    @router.post("/grids", responses=refusals(404, 422, 507))
    def submit(
        grid: GridInput,
        account: Account,
        key: Annotated[str | None, Header(alias="Idempotency-Key", max_length=200)] = None,
    ) -> GridBody:
        """Queue a job for each cell, or none: at most 200. They are ordinary jobs, which outlast
        the process. Where the request leaves its seed open, all cells have the same."""
        return _body(at_work.submit(grid, key, account), public)

    @router.post("/grids/forecast", responses=refusals(404, 422, 507))
    def forecast(grid: GridInput, account: Account) -> GridForecastBody:
        """How many pictures a grid would be, and how long it would take."""
        cells = grids.cells(grid)
        seconds = [outlook.of_request(cell.request, account)[0].seconds for cell in cells]
        total = None if None in seconds else sum(seconds)
        return GridForecastBody(count=len(cells), seconds=total)

    @router.post("/grids/{id}/cancel", responses=refusals(403, 404))
    def cancel(id: str, account: Account) -> GridBody:
        """Stop what waits and runs of it; what was drawn stays."""
        return _body(at_work.cancel(id, account), public)

    @router.post("/grids/{id}/again", responses=refusals(403, 404, 422, 507))
    def again(id: str, wanted: AgainBody, account: Account) -> GridBody:
        """Draw cells once more, by their settings: by default all that were not finished."""
        return _body(at_work.again(id, wanted.places, account), public)

    @router.delete("/grids/{id}", status_code=204, responses=refusals(403, 404))
    def delete(id: str, account: Account) -> Response:
        """Forget a grid, stopping what is left of it; its pictures stay."""
        at_work.forget(id, account)
        return Response(status_code=204)

    return router


def _add_looking(router: APIRouter, at_work: Grids, gallery: Gallery, public: PublicText) -> None:
    @router.get("/axes")
    def axes() -> AxesBody:
        """What may differ from one picture of a grid to the next."""
        known = [AxisBody(axis=axis.title, kind=axis.kind) for axis in AXES.values()]
        return AxesBody(axes=known)

    @router.get("/grids", responses=refusals(422))
    def list_grids(
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        before: Annotated[str | None, Query(max_length=500)] = None,
    ) -> GridsBody:
        """All grids, newest first."""
        place = values_of(before, float, str) if before is not None else ()
        found = at_work.page(limit + 1, place)
        more = len(found) > limit
        last = found[limit - 1].row if more else None
        return GridsBody(
            grids=[_body(grid, public) for grid in found[:limit]],
            next=cursor(last.created_s, last.id) if last else None,
        )

    @router.get("/grids/{id}", responses=refusals(404))
    def find(id: str) -> GridBody:
        """A grid with its cells."""
        return _body(at_work.get(id), public)

    @router.get("/grids/{id}/sheet", response_class=Response, responses=_SHEET | refusals(404, 422))
    def sheet_of(id: str, z: Annotated[int, Query(ge=0, lt=grids.MOST_CELLS)] = 0) -> Response:
        """Its pictures so far as one, with the values beside them: those at `z` along the third
        axis."""
        data = _sheet(at_work.get(id), z, gallery)
        headers = {"Cache-Control": "no-store"}
        return Response(data, media_type="image/png", headers=headers)


def _sheet(grid: Grid, z: int, gallery: Gallery) -> bytes:
    across, down, deep = grids.lines(grid.grid)
    if z >= len(deep.values):
        raise InvalidRequest(f"there are {len(deep.values)} sheets, the first being 0.", "z")

    def picture(x: int, y: int) -> Image.Image | None:
        job = grid.jobs.get((x, y, z))
        id = _image(job) if job else None
        with suppress(NotFound):
            return reading.picture(gallery.bytes(id)) if id else None
        return None

    rows = [[picture(x, y) for x in range(len(across.values))] for y in range(len(down.values))]
    if grid.grid.legend:
        made = sheet(rows, across.labels, down.labels, deep.labels[z])
    else:
        made = sheet(rows)
    stream = io.BytesIO()
    made.save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def _image(job: Job) -> str | None:
    return job.pictures[0].id if job.pictures else None


def _body(grid: Grid, public: PublicText) -> GridBody:
    lines = [
        LineBody(axis=line.axis.title, values=list(line.values)) for line in grids.lines(grid.grid)
    ]
    cells = []
    for place, job in grid.jobs.items():
        state = job.state.value if job else "forgotten"
        failed = job.events.newest(Failed) if job else None
        cells.append(
            CellBody(
                place=place,
                job=grid.row.jobs[place],
                state=state,
                image=_image(job) if job else None,
                message=public(failed.message) if failed else None,
            )
        )
    return GridBody(
        id=grid.row.id,
        owner=shown(grid.row.owner),
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(grid.row.created_s)),
        count=len(cells),
        finished=grid.states["finished"],
        x=lines[0],
        y=lines[1],
        z=lines[2],
        cells=cells,
    )

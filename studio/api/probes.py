"""What a model assumes: `/studio/v1/probes`. A probe is a grid, and paused, resumed, drawn again
and forgotten as one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response
from PIL import Image
from pydantic import BaseModel

from studio.api.answers import EVERYWHERE, refusals, sends
from studio.api.caller import Account
from studio.api.grids import ManyForecastBody, created, foretold, page_for, seen_by
from studio.api.wire import PREFIX
from studio.domain import grids, probes
from studio.domain.accounts import shown
from studio.domain.errors import NotFound
from studio.domain.probes import ProbeInput
from studio.gallery.files import Gallery
from studio.imaging import reading
from studio.jobs.grids import Grid, Grids
from studio.jobs.outlook import Outlook
from studio.probing.measuring import JUDGE, Find, Looks
from studio.probing.report import Report, as_csv, report
from studio.safety.desk import Safety

_Measure = Annotated[str, Query(max_length=300)]
_CSV = {200: sends("The shares", "text/csv")}


class ShareBody(BaseModel):
    """`count` of `of` pictures show `value`; `low` to `high`: the 95 % interval of the `share`."""

    value: str
    count: int
    of: int
    share: float
    low: float
    high: float


class WordSharesBody(BaseModel):
    """Of one word, the largest share first; `p_even`: the chance of such an uneven spread; null
    where it is not known which values there are."""

    word: str
    shares: list[ShareBody]
    p_even: float | None


class AttributeBody(BaseModel):
    """`p_differs`: the chance that the words differ so much; null: nothing to compare."""

    name: str
    words: list[WordSharesBody]
    p_differs: float | None


class ProbeBody(BaseModel):
    """A probe under way.

    id          that of its grid: `/studio/v1/grids/{id}` and its sheet
    template    the prompt with its slot
    words       of the slot, one row of the sheet each
    drawn       of `total` pictures that are there
    sure_up_to  p up to which something is called out, as all of them are looked at; 0: nothing is
    findings    what is unlikely to be chance, in words
    """

    id: str
    template: str
    words: list[str]
    total: int
    drawn: int
    measure: str
    attributes: list[AttributeBody]
    sure_up_to: float
    findings: list[str]
    sheet_url: str


class ProbeLineBody(BaseModel):
    """A probe in a list. `created` in ISO 8601, UTC; `owner`: a login's name, null for guests."""

    id: str
    owner: str | None
    created: str
    template: str
    total: int
    drawn: int


class ProbesBody(BaseModel):
    """A page of them, newest first; `next` is the cursor of the page after it."""

    probes: list[ProbeLineBody]
    next: str | None


def build_probes_router(
    at_work: Grids, outlook: Outlook, gallery: Gallery, find: Find, safety: Safety
) -> APIRouter:
    """The routes below `/studio/v1/probes`. `find` is `Detectors.find`."""
    router = APIRouter(prefix=f"{PREFIX}/probes", tags=["jobs"], responses=EVERYWHERE)
    seen = partial(seen_by, at_work, safety)

    told = _measuring(gallery, find)

    @router.get("", responses=refusals(422))
    def list_probes(
        account: Account,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        before: Annotated[str | None, Query(max_length=500)] = None,
    ) -> ProbesBody:
        """All probes that the caller may see, newest first."""
        found, following = page_for(account, at_work, safety, limit, before, probes.AXES)
        return ProbesBody(probes=[_line(grid) for grid in found], next=following)

    @router.post("", responses=refusals(404, 422, 507))
    def begin(
        probe: ProbeInput,
        account: Account,
        key: Annotated[str | None, Header(alias="Idempotency-Key", max_length=200)] = None,
    ) -> ProbeBody:
        """Draw a prompt with one open slot, as in "a {nurse|pilot}", so many times for each of its
        words: jobs like any other, at most 200."""
        grid = at_work.submit(probes.grid_of(probe), key and f"probe/{key}", account)
        return _body(grid, Report("none", {}, ()))

    @router.post("/forecast", responses=refusals(404, 422, 507))
    def forecast(probe: ProbeInput, account: Account) -> ManyForecastBody:
        """How many pictures a probe would be, and how long it would take."""
        cells = grids.cells(probes.grid_of(probe))
        return foretold(outlook, [cell.request for cell in cells], account)

    @router.get("/{id}", responses=refusals(403, 404, 422))
    def present(id: str, account: Account, measure: _Measure = JUDGE) -> ProbeBody:
        """What is measured of what is drawn by now: by picturebook's judge (right for its pictures
        alone), by a detector of this name, or, with "none", nothing."""
        grid = seen(id, account)
        return _body(grid, told(grid, measure))

    @router.get("/{id}/csv", response_class=Response, responses=_CSV | refusals(403, 404, 422))
    def table(id: str, account: Account, measure: _Measure = JUDGE) -> Response:
        """The shares as a table."""
        text = as_csv(told(seen(id, account), measure))
        headers = {"Content-Disposition": f'attachment; filename="probe-{id[:40]}.csv"'}
        return Response(text, media_type="text/csv", headers=headers)

    return router


def _measuring(gallery: Gallery, find: Find) -> Callable[[Grid, str], Report]:
    """Gives what a measure sees in the pictures of a probe that are there."""

    def picture(id: str) -> Image.Image | None:
        with suppress(NotFound):  # it was erased since
            return reading.picture(gallery.bytes(id))
        return None

    looks = Looks(picture, find)

    def told(grid: Grid, measure: str) -> Report:
        words = probes.slot_in(grid.grid).words
        drawn = []
        for (_, row, _), job in sorted(grid.jobs.items()):
            drawn += [(words[row], one.id) for one in (job.pictures[:1] if job else ())]
        pairs = zip([word for word, _ in drawn], looks.at(drawn, measure), strict=True)
        return report(words, list(pairs), measure)

    return told


def _drawn(grid: Grid) -> int:
    return sum(bool(job and job.pictures) for job in grid.jobs.values())


def _line(grid: Grid) -> ProbeLineBody:
    return ProbeLineBody(
        id=grid.row.id,
        owner=shown(grid.row.owner),
        created=created(grid),
        template=probes.slot_in(grid.grid).template,
        total=len(grid.jobs),
        drawn=_drawn(grid),
    )


def _body(grid: Grid, told: Report) -> ProbeBody:
    attributes = [
        AttributeBody(
            name=each.name,
            p_differs=each.p_differs,
            words=[
                WordSharesBody(
                    word=one.word,
                    p_even=one.p_even,
                    shares=[ShareBody(**vars(share), share=share.share) for share in one.shares],
                )
                for one in each.words
            ],
        )
        for each in told.attributes
    ]
    slot = probes.slot_in(grid.grid)
    return ProbeBody(
        id=grid.row.id,
        template=slot.template,
        words=list(slot.words),
        total=len(grid.jobs),
        drawn=_drawn(grid),
        measure=told.measure,
        attributes=attributes,
        sure_up_to=told.sure_up_to,
        findings=told.findings if told.drawn else [],
        sheet_url=f"{PREFIX}/grids/{grid.row.id}/sheet",
    )

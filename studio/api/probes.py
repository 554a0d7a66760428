"""What a model assumes: `/studio/v1/probes`. A probe is a grid, and paused, resumed, drawn again
and forgotten as one."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response
from pydantic import BaseModel

from studio.api.answers import EVERYWHERE, refusals, sends
from studio.api.caller import Account
from studio.api.grids import seen_by
from studio.api.wire import PREFIX
from studio.domain import probes
from studio.domain.probes import ProbeInput
from studio.gallery.files import Gallery
from studio.imaging import reading
from studio.jobs.grids import Grid, Grids
from studio.probing.measuring import JUDGE, Find, measured
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
    words       of the slot, one row of the sheet each
    drawn       of `total` pictures that are there
    findings    what is unlikely to be chance, in words
    """

    id: str
    words: list[str]
    total: int
    drawn: int
    measure: str
    attributes: list[AttributeBody]
    findings: list[str]
    sheet_url: str


def build_probes_router(at_work: Grids, gallery: Gallery, find: Find, safety: Safety) -> APIRouter:
    """The routes below `/studio/v1/probes`. `find` is `Detectors.find`."""
    router = APIRouter(prefix=f"{PREFIX}/probes", tags=["jobs"], responses=EVERYWHERE)
    seen = partial(seen_by, at_work, safety)

    def told(grid: Grid, measure: str) -> Report:
        words = probes.words_of(grid.grid)
        shown = []
        for (_, row, _), job in sorted(grid.jobs.items()):
            for picture in job.pictures[:1] if job is not None else ():
                shown.append((words[row], reading.picture(gallery.bytes(picture.id))))
        seen = measured(shown, measure, find)
        pairs = [(word, values) for (word, _), values in zip(shown, seen, strict=True)]
        return report(words, pairs, measure)

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
    return ProbeBody(
        id=grid.row.id,
        words=list(probes.words_of(grid.grid)),
        total=len(grid.jobs),
        drawn=sum(bool(job and job.pictures) for job in grid.jobs.values()),
        measure=told.measure,
        attributes=attributes,
        findings=told.findings if told.drawn else [],
        sheet_url=f"{PREFIX}/grids/{grid.row.id}/sheet",
    )

"""Datasets for detectors over HTTP: begun, watched, reviewed, given away."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from studio.api.answers import EVERYWHERE, Answers, refusals, sends, zipped
from studio.api.caller import Account
from studio.api.places import PublicText
from studio.api.wire import PREFIX
from studio.datasets import spec as specs
from studio.datasets.datasets import Dataset, Datasets
from studio.datasets.folder import Row
from studio.datasets.photos import GivenPhoto
from studio.domain import accounts
from studio.domain.errors import NotFound

_Number = Annotated[int, Field(ge=0, le=specs.MOST_PICTURES)]
_MOST_ROWS = 200
_IMAGE: Answers = {200: sends("The picture", "image/png", "image/jpeg")} | refusals(404)
_ZIP: Answers = {200: sends("All of it", "application/zip")} | refusals(404)


class PhotoBody(BaseModel):
    """A photo that things are painted into, or that is varied. `ref`: input:ID of an upload or
    picture:ID of the library; `called`: its file's name, for the provenance; `labels`: the lines of
    YOLO's label file, of one that is varied."""

    ref: str = Field(max_length=200)
    called: str = Field("", max_length=300)
    labels: str = Field("", max_length=100_000)


class SpecBody(BaseModel):
    """`spec`: YAML, as docs/datasets.md has it. `photos`: in place of the folder that a
    specification for the command line names."""

    spec: str = Field(max_length=1_000_000)
    photos: list[PhotoBody] = Field([], max_length=1000)


class DatasetBody(BaseModel):
    """
    state         drawing, stopped, done or failed, which `message` says why
    count         pictures there shall be
    accepted, review, rejected
                  those that are done
    classes       class -> labels that are in it
    seconds_left  null until it is known
    spec          with nothing left open, as YAML, without its photos
    """

    id: str
    owner: str | None
    state: str
    message: str
    count: int
    accepted: int
    review: int
    rejected: int
    classes: dict[str, int]
    seconds_left: float | None
    spec: str


class DatasetsBody(BaseModel):
    datasets: list[DatasetBody]


class LabelBody(BaseModel):
    """`box`: left, top, right, bottom in pixels. `agreement`: how well it overlaps what was seen,
    0 to 1, null where nobody looked; `seen`: as what."""

    name: str
    box: list[int]
    agreement: float | None
    seen: str


class PictureBody(BaseModel):
    number: int
    status: str
    split: str
    width: int
    height: int
    prompt: str
    reason: str
    labels: list[LabelBody]
    strays: list[LabelBody]


class PicturesBody(BaseModel):
    total: int
    pictures: list[PictureBody]


class GivenLabel(BaseModel):
    name: str = Field(max_length=200)
    box: tuple[float, float, float, float]


class JudgementBody(BaseModel):
    """accept: it joins the dataset, with `labels` where they are corrected; reject: it goes;
    redraw: it is drawn once more."""

    act: Literal["accept", "reject", "redraw"]
    labels: list[GivenLabel] | None = Field(None, max_length=500)


def build_datasets_router(datasets: Datasets, public: PublicText) -> APIRouter:
    """The routes `/studio/v1/datasets`. Messages are made `public`."""
    router = APIRouter(prefix=f"{PREFIX}/datasets", tags=["datasets"], responses=EVERYWHERE)

    def own(id: str, account: str) -> Dataset:
        one = datasets.get(id)
        accounts.check_owner(account, one.owner, f"Dataset {id}")
        return one

    @router.get("")
    def listed(account: Account) -> DatasetsBody:
        """All that the caller may change, by name."""
        every = [one for one in datasets.all() if accounts.may_change(account, one.owner)]
        return DatasetsBody(datasets=[_body(one, public) for one in every])

    @router.post("", responses=refusals(422, 507))
    def create(asked: SpecBody, account: Account) -> DatasetBody:
        """Begin to draw a new one; its pictures take their turns among all jobs. Photos are copied
        into it."""
        given = [GivenPhoto(**photo.model_dump()) for photo in asked.photos]
        return _body(datasets.create(specs.parse(asked.spec), account, given), public)

    @router.get("/{id}", responses=refusals(403, 404))
    def one(id: str, account: Account) -> DatasetBody:
        """Where it stands."""
        return _body(own(id, account), public)

    @router.delete("/{id}", status_code=204, responses=refusals(403, 404, 422))
    def delete(id: str, account: Account) -> None:
        """Delete it with all its files."""
        own(id, account)
        datasets.delete(id)

    @router.post("/{id}/start", responses=refusals(403, 404, 422))
    def start(id: str, account: Account) -> DatasetBody:
        """Go on with it where it stopped."""
        own(id, account)
        return _body(datasets.start(id), public)

    @router.post("/{id}/stop", responses=refusals(403, 404))
    def stop(id: str, account: Account) -> DatasetBody:
        """Stop once what the device is at is drawn; what is done stays."""
        own(id, account)
        return _body(datasets.stop(id), public)

    _add_pictures(router, datasets, own)
    return router


def _add_pictures(router: APIRouter, datasets: Datasets, own) -> None:
    @router.get("/{id}/pictures", responses=refusals(403, 404))
    def pictures(
        id: str,
        account: Account,
        status: Literal["accepted", "review", "rejected"] = "review",
        offset: Annotated[int, Query(ge=0, le=specs.MOST_PICTURES)] = 0,
        limit: Annotated[int, Query(ge=1, le=_MOST_ROWS)] = 50,
    ) -> PicturesBody:
        """Its pictures, with their labels."""
        own(id, account)
        rows = datasets.rows(id, status)
        some = rows[offset : offset + limit]
        return PicturesBody(total=len(rows), pictures=[_picture(row) for row in some])

    @router.get("/{id}/pictures/{number}", response_class=Response, responses=_IMAGE)
    def image(id: str, number: _Number, account: Account) -> Response:
        """One of its pictures."""
        folder = own(id, account).folder
        row = datasets.row(id, number)
        try:
            data = folder.image(row).read_bytes()
        except OSError:
            raise NotFound(f"The picture {number} is gone.") from None
        kind = "image/jpeg" if row.name.endswith("jpg") else "image/png"
        return Response(data, media_type=kind, headers={"Cache-Control": "no-cache"})

    @router.post("/{id}/pictures/{number}", responses=refusals(403, 404, 422, 507))
    def judge(id: str, number: _Number, told: JudgementBody, account: Account) -> PictureBody:
        """Say what becomes of a picture."""
        own(id, account)
        labels = told.labels and [(each.name, each.box) for each in told.labels]
        return _picture(datasets.judge(id, number, told.act, labels))

    @router.get("/{id}/zip", response_class=StreamingResponse, responses=_ZIP)
    def packed(id: str, account: Account) -> StreamingResponse:
        """The dataset as one file, piece by piece."""
        folder = own(id, account).folder.path
        files = datasets.files(id)
        below = ((path.relative_to(folder).as_posix(), partial(_bytes, path)) for path in files)
        return zipped(id, below)


def _bytes(path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise NotFound("It is gone.") from None


def _body(one: Dataset, public: PublicText) -> DatasetBody:
    counts = one.folder.counts()
    return DatasetBody(
        id=one.id,
        owner=accounts.shown(one.owner),
        state=one.state,
        message=public(one.message),
        count=one.spec.count,
        classes=one.folder.per_class(one.spec.names),
        seconds_left=one.seconds_left if one.state == "drawing" else None,
        spec=one.spec.model_copy(update={"photos": None}).as_yaml(),
        **counts,
    )


def _picture(row: Row) -> PictureBody:
    def labels(some) -> list[LabelBody]:
        return [
            LabelBody(name=one.name, box=list(one.box), agreement=one.agreement, seen=one.seen)
            for one in some
        ]

    return PictureBody(
        number=row.number,
        status=row.status,
        split=row.split,
        width=row.size[0],
        height=row.size[1],
        prompt=row.prompt,
        reason=row.reason,
        labels=labels(row.labels),
        strays=labels(row.strays),
    )

"""Files out of the library and into it: pictures in other formats, archives, imports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from studio.api.answers import EVERYWHERE, Answers, refusals, sends
from studio.api.caller import Account
from studio.api.image_bodies import ImportedBody
from studio.api.readings import ReadingBody
from studio.api.uploads import FOREVER, REQUEST_BODY, UNKEPT
from studio.api.wire import PREFIX
from studio.domain.errors import InvalidRequest
from studio.gallery import downloads, export_names, exports, sheets, views
from studio.gallery.exports import Export
from studio.gallery.files import Gallery
from studio.gallery.importing import Importer
from studio.gallery.library import Library
from studio.reading.reader import Reader
from studio.safety.desk import Safety
from studio.store.finding import Filters
from studio.store.pictures import PictureRow

MOST_IN_AN_ARCHIVE = 1000
MOST_ON_A_SHEET = 200
_MOST_IDS = 100_000


class ImageQuery(Export):
    """How a picture's file is given."""

    download: bool = False
    veil: bool = False


class ArchiveQuery(Export):
    """Which pictures, and how each is given."""

    ids: Annotated[str, Field(max_length=_MOST_IDS)] = ""
    board: Annotated[str | None, Field(max_length=1000)] = None


class SheetInput(BaseModel):
    """Which pictures, `columns` of them in a row (null: nearly as many as there are rows), with so
    many pixels of `margin`."""

    model_config = ConfigDict(extra="forbid")

    ids: Annotated[list[str], Field(min_length=2, max_length=MOST_ON_A_SHEET)]
    columns: Annotated[int | None, Field(ge=1, le=20)] = None
    margin: Annotated[int, Field(ge=0, le=500)] = 0


class SheetBody(BaseModel):
    """The sheet: a picture of the library."""

    id: str


_PICTURE: Answers = {200: sends("The picture", "image/*")}
_ARCHIVE: Answers = {200: sends("The archive", "application/zip")}


def build_image_files_router(library: Library, reader: Reader, safety: Safety) -> APIRouter:
    """Routes below `/studio/v1/images`, to come after those with names of their own."""
    router = APIRouter(prefix=f"{PREFIX}/images", tags=["images"], responses=EVERYWHERE)
    importer = Importer(library)

    @router.post("/import", openapi_extra=REQUEST_BODY, responses=refusals(422, 507))
    async def import_image(http: Request, account: Account) -> ImportedBody:
        """Let a picture of elsewhere join the library: the file itself as the body, of any common
        picture type. It is kept as it is, with the settings that can be read from it. The same
        file again is the same picture."""
        data = await http.body()
        imported = await run_in_threadpool(importer.take, data, account)
        read = ReadingBody.model_validate(await run_in_threadpool(reader.read, data))
        return ImportedBody(id=imported.row.id, is_new=imported.is_new, read=read)

    _add_many(router, library, importer, safety)

    @router.get("/{id}", response_class=Response, responses=_PICTURE | refusals(404, 422))
    def image(id: str, asked: Annotated[ImageQuery, Query()], account: Account) -> Response:
        """A picture's file, its settings inside; `download` makes browsers save it, by a name after
        the pattern `name`, as "[date] [seed] [prompt_words]", or by its id.

        In another `format` or `quality`, no larger than `side` or in sRGB it is made anew; JPEG,
        WebP and AVIF have the infotext in EXIF's UserComment. Without `settings` no text of any
        kind is in it. With `veil` what the owner's filter has found is blurred.
        """
        if asked.veil and safety.blurs(nsfw_of(library, id), account):
            data = views.veiled(library.gallery.bytes(id))
            return Response(data, media_type="image/webp", headers=UNKEPT)
        gallery, path = library.gallery, library.gallery.path(id)
        own = path.suffix if path else ".png"
        headers = dict(UNKEPT if gallery.held.bytes(id) else FOREVER)
        if asked.download:
            headers["Content-Disposition"] = _saved_as(_name(library, id, asked))
        media_type = views.media_type_of(asked.suffix(own))
        if path is not None and asked.keeps(own):
            return FileResponse(path, media_type=media_type, headers=headers)
        data = exports.exported(gallery.bytes(id), own, asked, gallery.again)
        return Response(data, media_type=media_type, headers=headers)

    return router


def _add_many(router: APIRouter, library: Library, importer: Importer, safety: Safety) -> None:
    """Several pictures at once."""

    @router.post("/sheet", responses=refusals(404, 422, 507))
    def keep_sheet(asked: SheetInput, account: Account) -> SheetBody:
        """Keep several pictures, as those of a batch, side by side as one more picture, which has
        the settings of the first as text."""
        for id in asked.ids:
            safety.require_sight(account, library.entry(id))
        data = sheets.of_pictures(library.gallery, asked.ids, asked.columns, asked.margin)
        return SheetBody(id=importer.take(data, account).row.id)

    @router.get("/archive", response_class=Response, responses=_ARCHIVE | refusals(404, 422))
    def archive(asked: Annotated[ArchiveQuery, Query()], account: Account) -> Response:
        """The files of several pictures, at most 1000, as a zip: those with the `ids`, separated by
        commas, or all of a board, each as it would be saved alone."""
        rows = _chosen(library, [id for id in asked.ids.split(",") if id], asked.board)
        for row in rows:
            safety.require_sight(account, row)
        if asked.name:
            export_names.check(asked.name)
        headers = {
            "Content-Disposition": 'attachment; filename="latent-studio.zip"',
            "Cache-Control": "no-store",
        }
        zipped = downloads.archive(_files(library.gallery, rows, asked))
        return StreamingResponse(zipped, media_type="application/zip", headers=headers)


def nsfw_of(library: Library, id: str) -> float | None:
    """The filter's score of a picture, of one that is only held too."""
    if library.gallery.held.bytes(id):
        return library.gallery.held.find(id)[0].nsfw
    return library.entry(id).nsfw


def _chosen(library: Library, ids: list[str], board: str | None) -> list[PictureRow]:
    if bool(ids) == bool(board):
        raise InvalidRequest("say which pictures: either ids, separated by commas, or a board.")
    if len(ids) > MOST_IN_AN_ARCHIVE:
        raise InvalidRequest(
            f"{len(ids)} pictures are more than the {MOST_IN_AN_ARCHIVE} of one archive. Take them "
            "in several.",
            "ids",
        )
    if ids:
        return [library.entry(id) for id in dict.fromkeys(ids)]
    page = library.page(Filters(board=board), MOST_IN_AN_ARCHIVE)
    if page.total > MOST_IN_AN_ARCHIVE:
        raise InvalidRequest(
            f"the board has {page.total} pictures, more than the {MOST_IN_AN_ARCHIVE} of one "
            "archive. Take them by their ids, in several.",
            "board",
        )
    if not page.rows:
        raise InvalidRequest("there is no picture on this board.", "board")
    return page.rows


def _name(library: Library, id: str, asked: ImageQuery) -> str:
    row = library.entry(id)
    name = exports.named(library.gallery, row, asked)
    return name if asked.name else f"latent-studio-{name}"


def _saved_as(name: str) -> str:
    """A header's value, which must be Latin-1: RFC 6266 has another form for all letters."""
    plain = "".join(c if " " <= c <= "~" and c not in '"\\%' else "_" for c in name)
    whole = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}"
    return f'attachment; filename="{plain}"{whole}'


def _files(gallery: Gallery, rows: list[PictureRow], asked: ArchiveQuery) -> Iterator:
    taken: set[str] = set()
    for row in rows:
        name = export_names.unique(exports.named(gallery, row, asked), taken)
        taken.add(name.casefold())
        own = exports.own_suffix(row)
        yield (
            name,
            row.created,
            lambda id=row.id, own=own: exports.exported(
                gallery.bytes(id), own, asked, gallery.again
            ),
        )

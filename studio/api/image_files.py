"""Files out of the library and into it: pictures in other formats, archives, imports."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from studio.api.answers import EVERYWHERE, Answers, refusals, sends
from studio.api.caller import Account
from studio.api.image_bodies import ImportedBody
from studio.api.readings import ReadingBody
from studio.api.uploads import FOREVER, REQUEST_BODY
from studio.api.wire import PREFIX
from studio.domain.errors import InvalidRequest
from studio.gallery import downloads, views
from studio.gallery.downloads import Format
from studio.gallery.importing import Importer
from studio.gallery.library import Library
from studio.reading.reader import Reader
from studio.store.finding import Filters
from studio.store.pictures import PictureRow

MOST_IN_AN_ARCHIVE = 1000
_PICTURE: Answers = {200: sends("The picture", "image/*")}
_ARCHIVE: Answers = {200: sends("The archive", "application/zip")}
_MOST_IDS = 100_000


def build_image_files_router(library: Library, reader: Reader) -> APIRouter:
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

    @router.get("/archive", response_class=Response, responses=_ARCHIVE | refusals(404, 422))
    def archive(
        ids: Annotated[str, Query(max_length=_MOST_IDS)] = "",
        board: Annotated[str | None, Query(max_length=1000)] = None,
    ) -> Response:
        """The files of several pictures, at most 1000, as a zip: those with the `ids`, separated by
        commas, or all of a board."""
        rows = _chosen(library, [id for id in ids.split(",") if id], board)
        headers = {
            "Content-Disposition": 'attachment; filename="latent-studio.zip"',
            "Cache-Control": "no-store",
        }
        zipped = downloads.archive(_files(library, rows))
        return StreamingResponse(zipped, media_type="application/zip", headers=headers)

    @router.get("/{id}", response_class=Response, responses=_PICTURE | refusals(404, 422))
    def image(
        id: str, format: Format | None = None, settings: bool = True, download: bool = False
    ) -> Response:
        """A picture's file, its settings inside; `download` makes browsers save it.

        In another `format` it is made anew; JPEG and WebP have the infotext in EXIF's UserComment.
        Without `settings` no text of any kind is in it.
        """
        path = library.gallery.path(id)
        own = path.suffix if path else ".png"
        suffix = downloads.SUFFIXES[format] if format else own
        if not settings and suffix not in downloads.SUFFIXES.values():
            suffix = ".png"
        headers = dict(FOREVER)
        if download:
            headers["Content-Disposition"] = f'attachment; filename="latent-studio-{id}{suffix}"'
        media_type = views.media_type_of(suffix)
        if suffix == own and settings:
            if path is not None:
                return FileResponse(path, media_type=media_type, headers=headers)
            return Response(library.gallery.bytes(id), media_type=media_type, headers=headers)
        [format] = [name for name, ending in downloads.SUFFIXES.items() if ending == suffix]
        data = downloads.converted(library.gallery.bytes(id), format, settings)
        return Response(data, media_type=media_type, headers=headers)

    return router


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


def _files(library: Library, rows: list[PictureRow]) -> Iterator:
    for row in rows:
        suffix = "." + (row.path.rpartition(".")[2] or "png")
        yield f"{row.id}{suffix}", row.created, partial(library.gallery.bytes, row.id)

"""The library: `/studio/v1/images`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response

from studio.api.answers import EVERYWHERE, Answers, refusals, sends
from studio.api.caller import Account
from studio.api.image_bodies import (
    BoardBody,
    BoardsBody,
    DetailsBody,
    EntryBody,
    ErasedBody,
    ImageChange,
    LineageBody,
    PageBody,
    WordsBody,
    details_body,
    entry_body,
    lineage_body,
    words_body,
)
from studio.api.places import PublicText
from studio.api.uploads import FOREVER, UNKEPT
from studio.api.wire import PREFIX
from studio.domain.accounts import LOCAL, check_owner
from studio.domain.errors import NotFound, NotYours
from studio.gallery import word_maps
from studio.gallery.details import details
from studio.gallery.library import Library
from studio.gallery.views import veiled
from studio.gallery.word_maps import Kept
from studio.reading.reader import Reader
from studio.safety.desk import Safety
from studio.store.cursor import cursor, values_of
from studio.store.finding import Filters, time_us
from studio.store.pictures import PictureRow

_THUMBNAIL: Answers = {200: sends("The thumbnail", "image/webp")}
_MAPS: Answers = {200: sends("The maps", "image/png")}
_MOST_SEARCH = 100_000
_Name = Annotated[str | None, Query(max_length=1000)]


def build_images_router(
    library: Library, reader: Reader, public: PublicText, safety: Safety
) -> APIRouter:
    """The routes below `/studio/v1/images`. Messages are made `public`; `safety` says who sees
    what, and what is blurred."""
    router = APIRouter(prefix=f"{PREFIX}/images", tags=["images"], responses=EVERYWHERE)
    _add_list_routes(router, library, safety)
    _add_thumbnails(router, library, safety.blurs)
    _add_picture_routes(router, library, reader, public)
    _add_lineage(router, library, safety)
    _add_changes(router, library)
    return router


def _add_list_routes(router: APIRouter, library: Library, safety: Safety) -> None:
    @router.get("", responses=refusals(422))
    def list_images(
        account: Account,
        *,
        limit: Annotated[int, Query(ge=1, le=500)] = 60,
        before: Annotated[str | None, Query(max_length=500)] = None,
        search: Annotated[str, Query(max_length=_MOST_SEARCH)] = "",
        starred: bool | None = None,
        board: _Name = None,
        trashed: bool = False,
        checkpoint: _Name = None,
        lora: _Name = None,
        task: _Name = None,
        seed: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
        mine: bool = False,
        waits: bool | None = None,
        since: Annotated[str | None, Query(max_length=40)] = None,
        until: Annotated[str | None, Query(max_length=40)] = None,
    ) -> PageBody:
        """A page of the library, newest first; `before` is the `next` of the page that came before.

        `search`: words, all of which are in prompt, negative prompt, checkpoint, LoRAs, seed, date
        (2026-11-27), task or note, perhaps as the beginning of a longer one. `trashed`: those in
        the trash. `since`, `until`: dates or times in ISO 8601, in UTC unless they say otherwise;
        a date as `until` is meant with all its day. `waits`: those of a class that its teacher has
        not let others see yet, which pupils see of their own alone.
        """
        filters = Filters(
            search=search,
            starred=starred,
            board=board,
            trashed=trashed,
            checkpoint=checkpoint,
            lora=lora,
            task=task,
            owner=account if mine else None,
            waits=waits,
            seen_by=None if safety.sees_all(account) else account,
            seed=seed,
            since_us=time_us(since, "since"),
            until_us=time_us(until, "until"),
        )
        last = values_of(before, int)[0] if before else None
        page = library.page(filters, limit, last)
        return PageBody(
            images=[entry_body(row) for row in page.rows],
            next=None if page.next is None else cursor(page.next),
            total=page.total,
        )

    @router.get("/boards")
    def boards() -> BoardsBody:
        """The boards that pictures are on."""
        return BoardsBody(
            boards=[BoardBody(name=name, count=count) for name, count in library.boards()]
        )


def _add_thumbnails(
    router: APIRouter, library: Library, blurs: Callable[[float | None, str], bool]
) -> None:
    @router.get(
        "/{id}/thumbnail", response_class=Response, responses=_THUMBNAIL | refusals(404, 422)
    )
    def thumbnail(
        id: str,
        account: Account,
        side: Literal["128", "256", "512"] = "256",
        reveal: bool = False,
    ) -> Response:
        """A small copy that fits into a square of `side` pixels; of what the owner's filter has
        found a blurred one, unless `reveal` asks for it as it is."""
        webp, headers = library.thumbnail(id, int(side)), FOREVER
        if not reveal and blurs(library.entry(id).nsfw, account):
            webp, headers = veiled(webp), UNKEPT
        return Response(webp, media_type="image/webp", headers=headers)


def _add_picture_routes(
    router: APIRouter, library: Library, reader: Reader, public: PublicText
) -> None:
    gallery = library.gallery
    none = refusals(404, 422)

    def read(id: str) -> dict[str, Any] | None:
        reading = reader.read(gallery.bytes(id))
        return None if reading.source == "none" else reading.request

    @router.get("/{id}/details", responses=none)
    def all_about(id: str) -> DetailsBody:
        """All that is known of a picture."""
        row, told = library.entry(id), details(gallery, id)
        request = told.request and told.request.model_dump(mode="json")
        return details_body(row, told, request or read(id), public)

    @router.get("/{id}/request", responses=none)
    def request(id: str) -> dict[str, Any]:
        """The settings that make this very picture again; of another studio's picture those that
        come nearest with the models that are here."""
        try:
            return gallery.request(id).model_dump(mode="json")
        except NotFound:
            found = read(id)
            if found is None:
                raise
            return found

    def kept_words(id: str) -> Kept:
        library.entry(id)
        path = gallery.path(id)
        if path is None:
            raise NotFound(f"Picture {id} is in memory only: where its words acted is not kept.")
        return word_maps.read(id, path)

    @router.get("/{id}/words", responses=none)
    def words(id: str) -> WordsBody:
        """Where in the picture each word of its prompt acted, where this was looked at while it was
        drawn (`attention_maps`): by the cross attentions of the U-Net."""
        return words_body(id, kept_words(id))

    @router.get("/{id}/words/maps", response_class=Response, responses=_MAPS | none)
    def maps_of_words(id: str) -> Response:
        """The maps of all words, one under the other, in gray."""
        return Response(kept_words(id).png, media_type="image/png", headers=FOREVER)


def _add_lineage(router: APIRouter, library: Library, safety: Safety) -> None:
    @router.get("/{id}/lineage", responses=refusals(404))
    def lineage(id: str, account: Account) -> LineageBody:
        """What a picture was made from, and what was made from it: at most 500 of either, of those
        that may be seen."""
        return lineage_body(library.lineage(id).only(partial(safety.may_see, account)))


def _add_changes(router: APIRouter, library: Library) -> None:
    answers = refusals(404, 422, 507)

    def own(id: str, account: str) -> str:
        """`id`, which is that of a picture that `account` may change."""
        check_owner(account, library.entry(id).owner or LOCAL, f"Picture {id}")
        return id

    @router.patch("/{id}", responses=answers)
    def change(id: str, change: ImageChange, account: Account) -> EntryBody:
        """Star it, put it on boards, note something."""
        row = library.change(own(id, account), change.starred, change.boards, change.note)
        return entry_body(row)

    @router.delete("/{id}", responses=answers)
    def delete(id: str, account: Account, forever: bool = False) -> EntryBody:
        """Move it to the trash, from which it can be restored for 30 days; `forever`: erase it."""
        row = library.entry(own(id, account))
        if forever:
            library.erase(id)
            return entry_body(row)
        return entry_body(library.trash(id))

    @router.delete("", responses=refusals(422, 507))
    def empty_trash(trashed: Literal["1", "true"], account: Account) -> ErasedBody:
        """Empty the trash: erase all pictures in it that are one's own."""

        def may(row: PictureRow) -> bool:
            try:
                check_owner(account, row.owner or LOCAL, "")
            except NotYours:
                return False
            return True

        return ErasedBody(erased=library.empty_trash(may=may))

    @router.post("/{id}/restore", responses=answers)
    def restore(id: str, account: Account) -> EntryBody:
        """Take it out of the trash."""
        return entry_body(library.restore(own(id, account)))

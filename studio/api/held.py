"""Pictures that are only looked at, of jobs with `keep=false`: how one is kept after all."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter

from studio.api.answers import EVERYWHERE, refusals
from studio.api.caller import Account
from studio.api.image_bodies import EntryBody, entry_body
from studio.api.wire import PREFIX
from studio.domain.accounts import check_owner
from studio.domain.errors import SaveError
from studio.domain.request import GenerationRequest
from studio.gallery.library import Library
from studio.store.pictures import Claim


def build_held_router(library: Library, use: Callable[[GenerationRequest], None]) -> APIRouter:
    """`use` is told of a request whose pictures, which it begins with, must stay."""
    router = APIRouter(prefix=f"{PREFIX}/images", tags=["images"], responses=EVERYWHERE)

    @router.post("/{id}/store", responses=refusals(404, 422, 507))
    def store(id: str, account: Account) -> EntryBody:
        """Let a picture of a job with `keep=false` join the library, as it is, with what it was
        made from; as long as newer ones have not taken its room."""
        held = library.gallery.held
        picture, owner = held.find(id)
        check_owner(account, owner, f"Picture {id}")
        use(picture.request)
        kept = library.keep(picture, Claim(owner=owner))
        if kept.path is None:
            raise SaveError(kept.warnings[-1])
        held.release(id)
        return entry_body(library.entry(kept.id))

    return router

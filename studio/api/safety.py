"""What the owner of the studio allows: `/studio/v1/safety`."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from studio.api.answers import EVERYWHERE, refusals
from studio.api.caller import Account
from studio.api.wire import PREFIX
from studio.domain.accounts import shown
from studio.domain.errors import refused
from studio.domain.reach import TUNNEL
from studio.domain.safety import FilterMode, SafetyRules
from studio.gallery.library import Library
from studio.safety import nudity
from studio.safety.desk import Safety
from studio.store.cursor import cursor, values_of
from studio.store.finding import Filters

_MOST_NAMED = 12


class SafetyBody(BaseModel):
    """What holds here.

    rules            null: the caller is not the owner, who alone sees them
    owner            the login that may change them; null: whoever sits at the machine
    may_change       whether the caller is that
    filter           what the filter does with the caller's pictures, from the score `threshold` on
    filter_is_fixed  it was said when the studio was started
    source_thumbnail whether the credentials of an edit show what it was made from
    source_thumbnail_is_fixed
                     that was said when the studio was started
    filter_needs     what must be installed before there is a filter; null: nothing
    finds_faces      whether faces can be found, for the question of consent
    watermark        whether what is drawn carries an invisible mark
    credentials      whether files carry signed content credentials
    class_mode       whether this is a class: pupils' pictures wait for the teacher
    """

    rules: SafetyRules | None
    owner: str | None
    may_change: bool
    filter: FilterMode
    threshold: float
    filter_is_fixed: bool
    source_thumbnail: bool
    source_thumbnail_is_fixed: bool
    filter_needs: str | None
    finds_faces: bool
    watermark: bool
    credentials: bool
    class_mode: bool


class AuditBody(BaseModel):
    """Something that was refused or said. `at_s`: when, in seconds since 1970; `account`: the
    login, null for a guest; `prompt`: its sha256, or itself where the owner wants that."""

    id: int
    at_s: float
    account: str | None
    what: str
    why: str
    prompt: str


class AuditPageBody(BaseModel):
    """Newest first; `next` is what `before` is for the next page, null at the end."""

    entries: list[AuditBody]
    next: str | None


class ConsentAsked(BaseModel):
    """Of which picture, as a request names it, those in it agree."""

    model_config = ConfigDict(extra="forbid")

    image: str = Field(min_length=1, max_length=300)


class ApprovalAsked(BaseModel):
    """Pictures of pupils: others may see them, or, with `approved` false, they go to the trash."""

    model_config = ConfigDict(extra="forbid")

    ids: list[str] = Field(min_length=1, max_length=500)
    approved: bool = True


class ApprovedBody(BaseModel):
    """How many pictures wait still."""

    waiting: int


class RetentionBody(BaseModel):
    """What would go to the trash now: how many `pictures`, of how many `bytes`, when the newest of
    them was `created` (ISO 8601), and the ids of the first few."""

    pictures: int
    bytes: int
    created: str | None
    ids: list[str]


def is_here(http: Request) -> bool:
    """Whether the caller sits at the machine itself, and is not let in from elsewhere."""
    address = http.client.host if http.client else ""
    try:
        return address != TUNNEL and ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def build_safety_router(
    safety: Safety,
    library: Library,
    finds_faces: Callable[[], bool],
    kept: Callable[[str], str],
) -> APIRouter:
    """The routes below `/studio/v1/safety`. `finds_faces()`: whether anything finds them; `kept`
    gives the name of a picture's bytes, as settled requests have it."""
    router = APIRouter(prefix=f"{PREFIX}/safety", tags=["studio"], responses=EVERYWHERE)

    def body(account: str, http: Request) -> SafetyBody:
        may, rules = safety.is_owner(account, is_here(http)), safety.rules
        return SafetyBody(
            rules=rules if may else None,
            owner=safety.fixed.owner,
            may_change=may,
            filter=rules.filter_for(account),
            threshold=rules.filter_threshold,
            filter_is_fixed=safety.fixed.filter is not None,
            source_thumbnail=rules.source_thumbnail,
            source_thumbnail_is_fixed=safety.fixed.source_thumbnail is not None,
            filter_needs=None if safety.can_filter else nudity.WHERE_FROM,
            finds_faces=finds_faces(),
            watermark=safety.fixed.watermark,
            credentials=safety.fixed.credentials,
            class_mode=safety.fixed.class_mode,
        )

    @router.get("")
    def present(account: Account, http: Request) -> SafetyBody:
        """What is allowed here, and who may change it."""
        return body(account, http)

    @router.patch("", responses=refusals(422, 507))
    def change(
        changes: Annotated[dict[str, Any], Body()], account: Account, http: Request
    ) -> SafetyBody:
        """Fields of `rules` are so from now on, all or none. For the owner."""
        safety.require_owner(account, is_here(http))
        try:
            safety.change(changes, account)
        except ValidationError as error:
            raise refused(error) from None
        return body(account, http)

    @router.post("/consents", status_code=204, responses=refusals(404, 422, 507))
    def consent(asked: ConsentAsked, account: Account) -> Response:
        """The people in a picture agree to its being drawn over. It is written into the log."""
        safety.consent(kept(asked.image), account)
        return Response(status_code=204)

    _add_owners_routes(router, safety, library)
    return router


def _add_owners_routes(router: APIRouter, safety: Safety, library: Library) -> None:
    @router.get("/log", responses=refusals(422))
    def entries(
        account: Account,
        http: Request,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        before: Annotated[str | None, Query(max_length=500)] = None,
    ) -> AuditPageBody:
        """Who was refused what, and what was changed. For the owner."""
        safety.require_owner(account, is_here(http))
        last = values_of(before, int)[0] if before else None
        rows = safety.entries(limit + 1, last)
        bodies = [AuditBody(**vars(row) | {"account": shown(row.account)}) for row in rows[:limit]]
        return AuditPageBody(
            entries=bodies, next=cursor(rows[limit - 1].id) if len(rows) > limit else None
        )

    @router.post("/approvals", responses=refusals(404, 422, 507))
    def approve(asked: ApprovalAsked, account: Account, http: Request) -> ApprovedBody:
        """Let others see pictures of pupils, or put them into the trash. For the teacher."""
        safety.require_owner(account, is_here(http))
        for id in asked.ids:
            library.approve(id)
            if not asked.approved:
                library.trash(id)
            said = "picture approved" if asked.approved else "picture refused"
            safety.log(account, said, f"{id} of {library.entry(id).owner}")
        return ApprovedBody(waiting=library.page(Filters(waits=True), 1).total)

    @router.get("/retention", responses=refusals(422))
    def retention(
        account: Account, http: Request, days: Annotated[int, Query(ge=1, le=36_500)]
    ) -> RetentionBody:
        """What a rule of so many days would send to the trash now. For the owner."""
        safety.require_owner(account, is_here(http))
        rows = library.expired(days)
        return RetentionBody(
            pictures=len(rows),
            bytes=library.size_bytes(rows),
            created=f"{rows[0].created:%Y-%m-%dT%H:%M:%SZ}" if rows else None,
            ids=[row.id for row in rows[:_MOST_NAMED]],
        )

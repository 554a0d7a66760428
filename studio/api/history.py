"""Prompts that were used, over HTTP: each account has its own."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel

from studio.api.answers import EVERYWHERE, refusals
from studio.api.caller import Account
from studio.api.wire import PREFIX
from studio.domain.errors import NotFound
from studio.store.cursor import cursor, values_of
from studio.store.prompts import PromptLedger, PromptRow


class UsedPromptBody(BaseModel):
    """A prompt as it was typed, wildcards and all. `used`: when it was used last, ISO 8601, UTC;
    `uses`: how often."""

    id: int
    prompt: str
    negative_prompt: str
    used: str
    uses: int


class UsedPromptsBody(BaseModel):
    """A page of them, the last used first; `next` is the cursor of the page after it, null for the
    last."""

    prompts: list[UsedPromptBody]
    next: str | None


def build_history_router(prompts: PromptLedger) -> APIRouter:
    """The routes below `/studio/v1/prompts`."""
    router = APIRouter(prefix=PREFIX, tags=["studio"], responses=EVERYWHERE)

    @router.get("/prompts", responses=refusals(422))
    def list_prompts(
        account: Account,
        search: Annotated[str, Query(max_length=1000)] = "",
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        before: Annotated[str | None, Query(max_length=500)] = None,
    ) -> UsedPromptsBody:
        """The prompts that you have drawn from, each pair once. With `search` those that have all
        its words; `before` is the `next` of the page that came before."""
        place = values_of(before, float, int) if before is not None else ()
        rows = prompts.page(account, limit + 1, place, search)
        shown = rows[:limit]
        more = len(rows) > limit
        return UsedPromptsBody(
            prompts=[_body(row) for row in shown],
            next=cursor(shown[-1].used_s, shown[-1].id) if more else None,
        )

    @router.delete("/prompts/{id}", status_code=204, responses=refusals(404, 422, 507))
    def delete_prompt(id: Annotated[int, Path(ge=1, le=2**63 - 1)], account: Account) -> Response:
        """Forget a prompt; pictures and jobs keep theirs."""
        if not prompts.forget(account, id):
            raise NotFound(f"Your history has no prompt {id}. It was deleted, or never was.")
        return Response(status_code=204)

    return router


def _body(row: PromptRow) -> UsedPromptBody:
    return UsedPromptBody(
        id=row.id,
        prompt=row.prompt,
        negative_prompt=row.negative_prompt,
        used=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(row.used_s)),
        uses=row.uses,
    )

"""What a word of a prompt may become, over HTTP."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from studio.api.answers import EVERYWHERE, refusals
from studio.api.caller import Account
from studio.api.wire import PREFIX
from studio.catalog.completions import Completions, Kind

_WORDS: list[Kind] = ["embedding", "tag"]
"""What is meant where nothing is said."""


class CompletionBody(BaseModel):
    """`typed` is the end of the text that it completes, for which `insert` stands in a prompt;
    `text` is what it is called, "alias → tag" where an alias fits; `detail` is said beside it. A
    style's `insert` is empty: it goes into a request's `styles`."""

    kind: Kind
    text: str
    insert: str
    detail: str
    typed: str


class CompletionsBody(BaseModel):
    """The likeliest first."""

    completions: list[CompletionBody]


def build_completions_router(completions: Completions) -> APIRouter:
    """The route `/studio/v1/completions`."""
    router = APIRouter(prefix=PREFIX, tags=["studio"], responses=EVERYWHERE)

    @router.get("/completions", responses=refusals(422))
    def complete(
        account: Account,
        text: Annotated[str, Query(max_length=200)],
        kind: Annotated[list[Kind], Query(min_length=1, max_length=5)] = _WORDS,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
    ) -> CompletionsBody:
        """What may be meant by the end of `text`: names of LoRAs and wildcards that have all of it,
        embeddings, styles and tags that begin with its last words. Tags come from the tables in
        presets/tags, in Danbooru's columns `tag,category,count,aliases`."""
        found = completions.find(text, kind, limit, account)
        return CompletionsBody(completions=[CompletionBody(**asdict(each)) for each in found])

    return router

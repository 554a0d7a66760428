"""Styles, presets and wildcards over HTTP: words and settings that have a name."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from studio.api.answers import EVERYWHERE
from studio.api.places import PublicText
from studio.api.wire import PREFIX
from studio.catalog.wildcards import Wildcards
from studio.domain.errors import StudioError

_SHOWN_ENTRIES = 5


class WildcardBody(BaseModel):
    """A list that prompts draw from: `__name__`. `entries` are the first of `count`; `message` says
    why it cannot be read."""

    name: str
    count: int
    entries: list[str]
    message: str | None = None


class WildcardsBody(BaseModel):
    """All of them, by name."""

    wildcards: list[WildcardBody]


def build_presets_router(wildcards: Wildcards, public: PublicText) -> APIRouter:
    """The routes below `/studio/v1/wildcards`."""
    router = APIRouter(prefix=PREFIX, tags=["studio"], responses=EVERYWHERE)

    @router.get("/wildcards")
    def list_wildcards() -> WildcardsBody:
        """The lists that prompts draw from, shipped and own, with their first entries."""
        return WildcardsBody(wildcards=[body(name) for name in wildcards.names()])

    def body(name: str) -> WildcardBody:
        try:
            entries = wildcards(name)
        except StudioError as error:
            return WildcardBody(name=name, count=0, entries=[], message=public(error.message))
        shown = [entry.text for entry in entries[:_SHOWN_ENTRIES]]
        return WildcardBody(name=name, count=len(entries), entries=shown)

    return router

"""Styles, presets and wildcards over HTTP: words and settings that have a name."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict

from studio.api.answers import EVERYWHERE, refusals
from studio.api.places import PublicText
from studio.api.wire import PREFIX
from studio.catalog.styles import Style, Styles
from studio.catalog.wildcards import Wildcards
from studio.domain.errors import InvalidRequest, StudioError
from studio.domain.request import StyleName
from studio.domain.sampling import Text

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


class StyleWords(BaseModel):
    """What stands behind the prompts, or around them where it has a {prompt}."""

    model_config = ConfigDict(extra="forbid")

    prompt: Text = ""
    negative_prompt: Text = ""


class StyleBody(BaseModel):
    """A style. `own`: not shipped."""

    name: str
    prompt: str
    negative_prompt: str
    own: bool


class StylesBody(BaseModel):
    """All of them, the shipped ones first."""

    styles: list[StyleBody]


def build_presets_router(styles: Styles, wildcards: Wildcards, public: PublicText) -> APIRouter:
    """The routes below `/studio/v1/styles` and `/studio/v1/wildcards`."""
    router = APIRouter(prefix=PREFIX, tags=["studio"], responses=EVERYWHERE)

    @router.get("/styles", responses=refusals(422))
    def list_styles() -> StylesBody:
        """Words with a name, which a request names in `styles`."""
        return StylesBody(styles=[_style(style) for style in styles.all()])

    @router.put("/styles/{name}", responses=refusals(422, 507))
    def put_style(name: StyleName, words: StyleWords) -> StyleBody:
        """Keep a style; one that is shipped comes back when yours of its name is deleted."""
        if name != name.strip():
            raise InvalidRequest("A style's name has no blanks at its ends. Take them out.")
        style = Style(name, words.prompt, words.negative_prompt, is_own=True)
        styles.put(style)
        return _style(style)

    @router.delete("/styles/{name}", status_code=204, responses=refusals(404, 422, 507))
    def delete_style(name: StyleName) -> Response:
        """Forget a style of your own."""
        styles.delete(name)
        return Response(status_code=204)

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


def _style(style: Style) -> StyleBody:
    return StyleBody(
        name=style.name,
        prompt=style.prompt,
        negative_prompt=style.negative_prompt,
        own=style.is_own,
    )

"""Styles, presets and wildcards over HTTP: words and settings that have a name."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Query, Response
from pydantic import BaseModel, ConfigDict

from studio.api.answers import EVERYWHERE, refusals
from studio.api.caller import Account
from studio.api.places import PublicText
from studio.api.wire import PREFIX
from studio.catalog.presets import Preset, Presets
from studio.catalog.shelves import Shelf
from studio.catalog.styles import Style, Styles
from studio.catalog.wildcards import Wildcards
from studio.domain.accounts import may_change, shown
from studio.domain.errors import InvalidRequest, StudioError
from studio.domain.request import GenerationRequest, StyleName
from studio.domain.sampling import Text

_SHOWN_ENTRIES = 5

PresetName = Annotated[str, Path(min_length=1, max_length=80)]
Shared = Annotated[
    bool, Query(description="For everybody; else for the login alone that keeps it.")
]


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


class Owned(BaseModel):
    """Whose a thing is. `own`: the caller may change it, `shared`: everybody has it, `owner`: the
    login that keeps it, null for what is shipped and what is everybody's."""

    own: bool
    shared: bool
    owner: str | None


class StyleBody(Owned):
    """A style."""

    name: str
    prompt: str
    negative_prompt: str


class StylesBody(BaseModel):
    """All of them, the shipped ones first."""

    styles: list[StyleBody]


class PresetBody(Owned):
    """Fields of a request with a name. `changes`: what they are called, and their values, in
    words; `family`: of which models it is for, null: of any."""

    name: str
    family: str | None
    request: dict[str, Any]
    changes: list[list[str]]


class PresetsBody(BaseModel):
    """All of them, by name."""

    presets: list[PresetBody]


def build_presets_router(
    presets: Presets, styles: Styles, wildcards: Wildcards, public: PublicText
) -> APIRouter:
    """The routes below `/studio/v1/presets`, `/studio/v1/styles` and `/studio/v1/wildcards`."""
    router = APIRouter(prefix=PREFIX, tags=["studio"], responses=EVERYWHERE)
    _add_preset_routes(router, presets)

    _add_style_routes(router, styles)

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


def _add_style_routes(router: APIRouter, styles: Styles) -> None:
    @router.get("/styles", responses=refusals(422))
    def list_styles(account: Account) -> StylesBody:
        """Words with a name, which a request names in `styles`: those that the caller has."""
        return StylesBody(styles=[_style(style, account) for style in styles.all(account)])

    @router.put("/styles/{name:path}", responses=refusals(422, 507))
    def put_style(
        name: StyleName, words: StyleWords, account: Account, shared: Shared = False
    ) -> StyleBody:
        """Keep a style; one that is shipped comes back when yours of its name is deleted."""
        if name != name.strip():
            raise InvalidRequest("A style's name has no blanks at its ends. Take them out.")
        style = styles.put(name, words.prompt, words.negative_prompt, account, shared)
        return _style(style, account)

    @router.delete("/styles/{name:path}", status_code=204, responses=refusals(404, 422, 507))
    def delete_style(name: StyleName, account: Account) -> Response:
        """Forget a style of your own."""
        styles.delete(name, account)
        return Response(status_code=204)


def _add_preset_routes(router: APIRouter, presets: Presets) -> None:
    @router.get("/presets")
    def list_presets(account: Account) -> PresetsBody:
        """Requests in part, for models of few steps, for each family, and those that the caller
        has besides."""
        return PresetsBody(presets=[_preset(preset, account) for preset in presets.all(account)])

    @router.put("/presets/{name:path}", responses=refusals(422, 507))
    def put_preset(
        name: PresetName,
        request: Annotated[dict[str, Any], Body()],
        account: Account,
        shared: Shared = False,
    ) -> PresetBody:
        """Keep fields of a request under a name; a shipped preset comes back when yours of its
        name is deleted."""
        return _preset(presets.put(name, request, account, shared), account)

    @router.delete("/presets/{name:path}", status_code=204, responses=refusals(404, 422, 507))
    def delete_preset(name: PresetName, account: Account) -> Response:
        """Forget a preset of your own."""
        presets.delete(name, account)
        return Response(status_code=204)


def _owned(shelf: Shelf, account: str) -> dict[str, Any]:
    owner = shelf.owner
    return {
        "own": owner is not None and may_change(account, owner),
        "shared": shelf.is_shared,
        "owner": owner and shown(owner),
    }


def _preset(preset: Preset, account: str) -> PresetBody:
    titles = GenerationRequest.model_fields
    request = dict(preset.request)
    changes = [[titles[name].title or name, _words(value)] for name, value in request.items()]
    return PresetBody(
        name=preset.name,
        family=preset.family,
        request=request,
        changes=changes,
        **_owned(preset.shelf, account),
    )


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_words(each)}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(_words, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _style(style: Style, account: str) -> StyleBody:
    return StyleBody(
        name=style.name,
        prompt=style.prompt,
        negative_prompt=style.negative_prompt,
        **_owned(style.shelf, account),
    )

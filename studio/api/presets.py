"""Styles, presets and wildcards over HTTP: words and settings that have a name."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Response
from pydantic import BaseModel, ConfigDict

from studio.api.answers import EVERYWHERE, refusals
from studio.api.places import PublicText
from studio.api.wire import PREFIX
from studio.catalog.presets import Preset, Presets
from studio.catalog.styles import Style, Styles
from studio.catalog.wildcards import Wildcards
from studio.domain.errors import InvalidRequest, StudioError
from studio.domain.request import GenerationRequest, StyleName
from studio.domain.sampling import Text

_SHOWN_ENTRIES = 5

PresetName = Annotated[str, Path(min_length=1, max_length=80)]


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


class PresetBody(BaseModel):
    """Fields of a request with a name. `changes`: what they are called, and their values, in words;
    `own`: not shipped."""

    name: str
    request: dict[str, Any]
    changes: list[list[str]]
    own: bool


class PresetsBody(BaseModel):
    """All of them, by name."""

    presets: list[PresetBody]


def build_presets_router(
    presets: Presets, styles: Styles, wildcards: Wildcards, public: PublicText
) -> APIRouter:
    """The routes below `/studio/v1/presets`, `/studio/v1/styles` and `/studio/v1/wildcards`."""
    router = APIRouter(prefix=PREFIX, tags=["studio"], responses=EVERYWHERE)
    _add_preset_routes(router, presets)

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


def _add_preset_routes(router: APIRouter, presets: Presets) -> None:
    @router.get("/presets")
    def list_presets() -> PresetsBody:
        """Requests in part, for models of few steps, for each family, and your own."""
        return PresetsBody(presets=[_preset(preset) for preset in presets.all()])

    @router.put("/presets/{name}", responses=refusals(422, 507))
    def put_preset(name: PresetName, request: Annotated[dict[str, Any], Body()]) -> PresetBody:
        """Keep fields of a request under a name; a shipped preset comes back when yours of its
        name is deleted."""
        return _preset(presets.put(name, request))

    @router.delete("/presets/{name}", status_code=204, responses=refusals(404, 422, 507))
    def delete_preset(name: PresetName) -> Response:
        """Forget a preset of your own."""
        presets.delete(name)
        return Response(status_code=204)


def _preset(preset: Preset) -> PresetBody:
    titles = GenerationRequest.model_fields
    request = dict(preset.request)
    changes = [[titles[name].title or name, _words(value)] for name, value in request.items()]
    return PresetBody(name=preset.name, request=request, changes=changes, own=preset.is_own)


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_words(each)}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(_words, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _style(style: Style) -> StyleBody:
    return StyleBody(
        name=style.name,
        prompt=style.prompt,
        negative_prompt=style.negative_prompt,
        own=style.is_own,
    )

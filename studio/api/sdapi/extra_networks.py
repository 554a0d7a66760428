"""`/sd_extra_networks`: what the cards of models show there. Nothing is opened by a path of a
caller's: what it names is looked for among what it was told of."""

from __future__ import annotations

import json
from contextlib import suppress
from html import escape
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Response

from studio.api import covers
from studio.api.sdapi import given
from studio.api.sdapi.desk import Desk
from studio.catalog.header import read_header
from studio.domain.errors import CheckpointError, InvalidRequest, NotFound, shorten
from studio.domain.files import as_text, read_file
from studio.domain.refs import ModelRef
from studio.imaging import reading

PREFIX = "/sd_extra_networks"
_KINDS = {"checkpoints": "checkpoint", "lora": "lora", "textual inversion": "embedding"}
_COVERS = "ssmd_cover_images"
_MOST_BYTES = 16 * 2**20


def add_extra_networks(router: APIRouter, desk: Desk) -> None:
    @router.get(f"{PREFIX}/metadata")
    def metadata(page: str = "", item: str = "") -> dict[str, Any]:
        """What a model's file says of itself, as JSON text. `page`: checkpoints, lora or textual
        inversion."""
        ref = _found(page, item, desk)
        told = _header(ref) if ref else {}
        shown = {name: _meant(text) for name, text in told.items() if name != _COVERS}
        return {"metadata": json.dumps(shown, indent=4, ensure_ascii=False)} if shown else {}

    @router.get(f"{PREFIX}/cover-images", response_class=Response)
    def cover_images(page: str = "", item: str = "", index: int = 0) -> Response:
        """A picture that a model's file holds."""
        ref = _found(page, item, desk)
        held = _meant(_header(ref).get(_COVERS, "")) if ref else None
        there = isinstance(held, list) and 0 <= index < len(held)
        if not there or not isinstance(held[index], str):
            raise NotFound(f"File not found: {shorten(item)} has no such picture.")
        return _png(given.decoded(held[index], "index"))

    @router.get(f"{PREFIX}/thumb", response_class=Response)
    def thumb(filename: str = "") -> Response:
        """The picture that lies beside a model's file, by the path that its card tells."""
        for kind in _KINDS.values():
            for ref in desk.catalog.refs(kind):
                preview = ref.file.preview
                if preview and desk.public(as_text(preview.path)) == filename:
                    with suppress(OSError):
                        return _png(read_file(preview.path, _MOST_BYTES))
        raise NotFound("File not found. get-single-card tells what a model's picture is called.")

    @router.get(f"{PREFIX}/get-single-card")
    def card(page: str = "", tabname: str = "", name: str = "") -> dict[str, str]:
        """A model's name, picture and notes, as HTML."""
        ref = _found(page, name, desk)
        if ref is None:
            raise NotFound(f"There is no {shorten(name)} among {shorten(page)}.")
        return {"html": _card(ref, page, desk)}


def _found(page: str, item: str, desk: Desk) -> ModelRef | None:
    kind = _KINDS.get(page.replace("_", " ").casefold())
    refs = desk.catalog.refs(kind) if kind else ()
    return next((ref for ref in refs if ref.name == item), None)


def _header(ref: ModelRef) -> dict[str, str]:
    """The strings that the writer of its file left; none of a folder, or a pickle."""
    with suppress(CheckpointError):
        return read_header(ref.path).metadata
    return {}


def _meant(text: str) -> Any:
    """JSON in it, as its writers nest it, else `text`."""
    if text[:1] in ("{", "["):
        with suppress(ValueError, RecursionError):
            return json.loads(text)
    return text


def _png(data: bytes) -> Response:
    try:
        picture = reading.picture(data)
    except InvalidRequest as error:
        raise NotFound(f"File cannot be fetched: {error.message}") from None
    return Response(given.png(picture), media_type="image/png")


def _card(ref: ModelRef, page: str, desk: Desk) -> str:
    source, preview = "", ref.file.preview
    if ref.notes.cover:
        source = f".{covers.url(ref)}"
    elif preview:
        source = f".{PREFIX}/thumb?filename={quote(desk.public(as_text(preview.path)))}"
    elif _COVERS in _header(ref):
        source = f".{PREFIX}/cover-images?page={quote(page)}&item={quote(ref.name)}"
    image = f'<img src="{escape(source)}" class="preview" loading="lazy">' if source else ""
    name, notes = escape(ref.name), escape(ref.notes.text)
    return (
        f'<div class="card" data-name="{name}">{image}<div class="actions">'
        f'<span class="name">{name}</span><span class="description">{notes}</span></div></div>'
    )

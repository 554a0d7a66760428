"""Pictures that stand for models: chosen ones of the library, and previews that lie beside them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from typing import Literal
from urllib.parse import quote

from fastapi import APIRouter, Response

from studio.api.answers import EVERYWHERE, refusals, sends
from studio.api.uploads import FOREVER
from studio.api.wire import MODELS
from studio.domain.errors import InvalidRequest, NotFound
from studio.domain.refs import ModelRef
from studio.gallery.library import Library

_COVER = {200: sends("The picture", "image/webp")}


def url(ref: ModelRef) -> str | None:
    """Where its picture is, below the page's address; None without one. Another picture has another
    address, so each may be kept for ever."""
    preview = ref.file.preview
    if not ref.notes.cover and not preview:
        return None
    which = f"{ref.notes.cover} {preview}".encode(errors="surrogatepass")
    version = hashlib.sha256(which).hexdigest()[:8]
    return f"{MODELS}/{ref.kind}/{quote(ref.name, safe='')}/cover?v={version}"


def build_covers_router(find: Callable[[str, str], ModelRef], library: Library) -> APIRouter:
    """`find` gives the model of a kind and name, or raises `NotFound`."""
    router = APIRouter(responses=EVERYWHERE, tags=["models"])

    @router.get(
        f"{MODELS}/{{kind}}/{{name:path}}/cover",
        response_class=Response,
        responses=_COVER | refusals(404, 422),
    )
    def cover(kind: str, name: str, side: Literal["128", "256", "512"] = "256") -> Response:
        """The picture that stands for a model, within a square of `side` pixels: the one that was
        chosen for it, else the one that lies beside its file."""
        ref = find(kind, name)
        return Response(_webp(ref, library, int(side)), media_type="image/webp", headers=FOREVER)

    return router


def _webp(ref: ModelRef, library: Library, side: int) -> bytes:
    if ref.notes.cover:
        with suppress(NotFound, InvalidRequest):  # it was deleted since
            return library.thumbnail(ref.notes.cover, side)
    preview = ref.file.preview
    if preview is None:
        raise NotFound(f"No picture stands for {ref.name}. Choose one: Use as cover, at a picture.")
    return library.thumbnail_of_file(preview.path, preview.modified_ns, side)

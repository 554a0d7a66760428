"""The page's own files: one script, one style, two pictures, what stands in its HTML, and the same
of tabs that come later."""

from __future__ import annotations

import gzip
import hashlib
import json
from functools import cache
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from studio.ui import (  # (words of the HTML)
    bundle,
    canvas_words,  # noqa: F401
    detailer_words,  # noqa: F401
    groups,  # noqa: F401
    unit_words,  # noqa: F401
)
from studio.ui.constants import constants
from studio.ui.templates import STATIC, include, word

_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
_PICTURES = ("icon.svg", "welcome.png")
_THEME = (
    'try{document.documentElement.style.colorScheme=JSON.parse(localStorage["studio.theme"])}'
    "catch{}"
)
"""Before the first paint: the theme that was chosen in this browser, if one was."""


class Files:
    """Everything of the page that is the same for all visits, made once."""

    def __init__(self) -> None:
        self._bundled = {
            "page.js": (bundle.scripts(STATIC), "text/javascript"),
            "page.css": (bundle.styles(STATIC), "text/css"),
        }
        later = bundle.later_scripts(STATIC)
        for name, styles in bundle.LATER.items():
            self._bundled |= {
                f"{name}.html": (include(f"{name}/{name}.html"), "text/html"),
                f"{name}.css": (bundle.styles(STATIC, styles), "text/css"),
                f"{name}.js": (later[name], "text/javascript"),
            }
        self._packed = {
            name: gzip.compress(source.encode(), 9, mtime=0)
            for name, (source, _) in self._bundled.items()
        }
        digest = hashlib.sha256(b"".join(self._packed.values()))
        for name in _PICTURES:
            digest.update((STATIC / name).read_bytes())
        self.folder = f"page/{digest.hexdigest()[:12]}"
        """Where they are served. The name changes with them, so they may be cached for ever."""
        body(), _constants()  # no visitor waits for them

    @property
    def route(self) -> Route:
        return Route(f"/{self.folder}/{{name}}", self._serve, name="page")

    async def _serve(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name in _PICTURES:
            return FileResponse(STATIC / name, headers=_FOR_EVER)
        if name not in self._bundled:
            return Response("There is nothing of this name.", 404)
        source, media_type = self._bundled[name]
        headers = _FOR_EVER | {"Vary": "Accept-Encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            body = self._packed[name]
            headers["Content-Encoding"] = "gzip"
        else:
            body = source.encode()
        return Response(body, media_type=media_type, headers=headers)

    def head(self, now: dict[str, Any]) -> str:
        """What stands in the page's head; `now` is what the scripts must know of this moment."""
        folder = self.folder
        return (
            "<title>Latent Studio</title>"
            '<meta name="color-scheme" content="light dark">'
            f"<script>{_THEME}</script>"
            f'<link rel="icon" href="{folder}/icon.svg" type="image/svg+xml">'
            f'<link rel="stylesheet" href="{folder}/page.css">'
            f'<script type="module" src="{folder}/page.js" fetchpriority="high"></script>'
            f"{_constants()}{_script('studio-data', now | {'folder': folder})}"
        )


@word
def later() -> str:
    """The places of all that comes later (`bundle.LATER`)."""
    return "".join(
        f'<div class="later" data-part="later" data-name="{name}" hidden></div>'
        for name in bundle.LATER
    )


@cache
def body() -> str:
    """The page itself, as HTML."""
    return include("page.html")


@cache
def _constants() -> str:
    return _script("studio-constants", constants())


def _script(name: str, content: dict[str, Any]) -> str:
    """JSON for the scripts. Names of models and files are in it as text alone."""
    encoded = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    encoded = encoded.replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{encoded}</script>'

"""How the page looks and what its head loads: our own files, from our own server, nothing else."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

STATIC = Path(__file__).parent / "static"
_STYLES = (
    "shared/base.css",
    "shared/layout.css",
    "settings/fields.css",
    "run/viewer.css",
    "canvas/canvas.css",
    "canvas/port.css",
    "run/views.css",
    "settings/choices.css",
    "models/details.css",
    "control/control.css",
    "control/editor.css",
    "models/models.css",
)
_FONT = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
_FONT_MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")
_FOREIGN_META = re.compile(rb'<meta\s+(?:property|name)="(?:og|twitter):[^>]*>\s*')
"""Gradio's own words and picture for links to the page."""


def _digest() -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in STATIC.rglob("*") if path.is_file()):
        digest.update(path.relative_to(STATIC).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:12]


_FOLDER = f"page/{_digest()}"
"""Where the static files are served. The name changes with them, so they may be cached for ever."""


def theme() -> gr.themes.Base:
    """A bare theme that loads no font."""
    return gr.themes.Base(font=list(_FONT), font_mono=list(_FONT_MONO))


def on_load(part: str, event: str | None = None) -> str:
    """JavaScript that hands a `gr.HTML` to the function `part` of our own script, with `trigger`
    firing the component's event `event`."""
    trigger = f"() => trigger('{event}')" if event else "null"
    return (
        f'import(new URL("{_FOLDER}/main.js", document.baseURI))'
        f".then((main) => main.{part}({{ element, props, watch, trigger: {trigger} }}));"
    )


def add_static(app: FastAPI) -> None:
    """Serve scripts, styles and the welcome picture."""
    app.mount(f"/{_FOLDER}", _Static(directory=STATIC), name="page")


def head(data: dict[str, Any]) -> str:
    """What stands in the page's head, with `data` for the scripts."""
    modules = sorted(path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*.js"))
    links = [f'<link rel="stylesheet" href="{_FOLDER}/{name}">' for name in _STYLES]
    links += [f'<link rel="modulepreload" href="{_FOLDER}/{name}">' for name in modules]
    encoded = json.dumps(data | {"static": _FOLDER}).replace("<", "\\u003c")
    return (
        "<title>Latent Studio</title>"
        '<meta name="color-scheme" content="light dark">'
        f'<link rel="icon" href="{_FOLDER}/icon.svg" type="image/svg+xml">'
        f'{"".join(links)}<script type="application/json" id="studio-data">{encoded}</script>'
    )


class PageHead:
    """Puts `head()` into the page's HTML on its way out, so that the very first paint has our
    styles; Gradio's own `head` option comes only after its scripts have run."""

    def __init__(self, app: ASGIApp, head: Callable[[], str]) -> None:
        self._app = app
        self._head = head

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        headers = [item for item in scope["headers"] if item[0] != b"accept-encoding"]
        start: Message = {}
        body = bytearray()

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                body.extend(message.get("body", b""))

        await self._app(scope | {"headers": headers}, receive, collect)
        kind = Headers(raw=start["headers"]).get("content-type", "")
        if start["status"] == 200 and kind.startswith("text/html"):
            ours = _FOREIGN_META.sub(b"", bytes(body))
            body[:] = ours.replace(b"</head>", self._head().encode() + b"</head>", 1)
        answer = MutableHeaders(raw=list(start["headers"]))
        answer["content-length"] = str(len(body))
        answer["cache-control"] = "no-store"
        await send({**start, "headers": answer.raw})
        await send({"type": "http.response.body", "body": bytes(body)})


class _Static(StaticFiles):
    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response

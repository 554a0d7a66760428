"""The page in Gradio's: what is put into its HTML on the way out; its styles kept below ours."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.domain.addresses import PAGE

_FOREIGN_META = re.compile(rb'<meta\s+(?:property|name)="(?:og|twitter):[^>]*>\s*')
"""Gradio's own words and picture for links to the page."""
_STYLE = re.compile(rb"<style>(.*?)</style>", re.DOTALL)
_BASE = re.compile(rb"<base [^>]*>")
_BODY = re.compile(rb"<body[^>]*>")
_APP = re.compile(rb'(<gradio-app[^>]*?)\s+style="[^"]*"')
_RESIZER = re.compile(rb"<script>\s*\(\(\) => \{\s*const root = .*?</script>", re.DOTALL)
"""Loads what makes Gradio's page grow inside a foreign one."""
_MANIFEST = re.compile(rb'<link rel="manifest"[^>]*>')

ADOPT = """
const page = document.getElementById("studio");
const frame = element.querySelector(".studio-frame");
const adopt = () => {
  if (document.querySelector(":active")) {
    setTimeout(adopt, 30);
    return;
  }
  const focused = document.activeElement;
  if (frame.moveBefore) frame.moveBefore(page, null);
  else frame.append(page);
  focused?.focus({ preventScroll: true });
};
adopt();
"""
"""JavaScript of the one component: the page, which is painted before Gradio's scripts have run,
becomes its content. Not while something is pressed: a click whose element moves between its two
halves is none."""


class PageFrame:
    """Gradio's application with our page in its HTML, so that the very first paint is all of it.

    `head` and `body` give HTML; it is answered packed where the browser takes that. Gradio's style
    sheets become a cascade layer, which any rule of ours is above.
    """

    def __init__(self, app: ASGIApp, head: Callable[[], str], body: Callable[[], str]) -> None:
        self._app = app
        self._head = head
        self._body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" else ""
        base = b"./"
        if path != "/" and PAGE.fullmatch(path):
            # The same document; its files are where they are, whatever a proxy calls that place.
            path, base = "/", b"../" * (path.count("/") - 1)
            scope = scope | {"path": path, "raw_path": path.encode()}
        is_style = path.endswith(".css")
        if scope.get("method") != "GET" or not (path == "/" or is_style):
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
        answer = MutableHeaders(raw=list(start["headers"]))
        content = bytes(body)
        if start["status"] == 200 and is_style:
            content = _layered(content)
            for validator in ("etag", "last-modified"):
                del answer[validator]  # they are those of what we changed
        elif start["status"] == 200 and answer.get("content-type", "").startswith("text/html"):
            content = self._framed(content, base)
            answer["cache-control"] = "no-store"
        if len(content) > 500 and "gzip" in Headers(scope=scope).get("accept-encoding", ""):
            content = gzip.compress(content, 5, mtime=0)
            answer["content-encoding"] = "gzip"
        answer["vary"] = "Accept-Encoding"
        answer["content-length"] = str(len(content))
        await send({**start, "headers": answer.raw})
        await send({"type": "http.response.body", "body": content})

    def _framed(self, content: bytes, base: bytes) -> bytes:
        """`base`: how one comes from the document's address to the page's."""
        for foreign in (_FOREIGN_META, _RESIZER, _MANIFEST):
            content = foreign.sub(b"", content)
        content = _STYLE.sub(lambda style: b"<style>" + _layered(style[1]) + b"</style>", content)
        content = _APP.sub(rb"\1", content)
        head, body = self._head().encode(), self._body().encode()
        head = b'<base href="' + base + b'">' + head
        content = _BASE.sub(lambda _: head, content, count=1)
        return _BODY.sub(lambda tag: tag[0] + body, content, count=1)


def _layered(style: bytes) -> bytes:
    return b"@layer gradio {" + style + b"}"

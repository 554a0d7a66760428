"""How large a request's body may be, and how many things it may hold."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.api.refusal import refusal, refuse
from studio.api.wire import PREFIX

_DRAIN_FACTOR = 4
_DRAIN_S = 20.0
_SILENCE_S = 1.0
"""A caller that is still sending is not silent for so long; one that has read the answer may have
stopped, and wait for the connection's end."""


@dataclass(frozen=True)
class Limit:
    """Of a body: `size_bytes`, and `marks`, how many of `{`, `[`, `,` and `:` it may hold (None:
    any, it is no JSON). Each thing in JSON has one, and costs a thousand times what it weighs."""

    size_bytes: int
    marks: int | None


PICTURE_BYTES = 64 * 2**20
OTHERS = Limit(2**20, 50_000)
"""Of all that `ROUTES` does not name: two prompts full of commas fit."""
ROUTES: Mapping[str, Limit] = {
    rf"{PREFIX}/uploads": Limit(PICTURE_BYTES, None),
    rf"{PREFIX}/training-sets/[^/]+/(pictures|mask)": Limit(PICTURE_BYTES, None),
    rf"{PREFIX}/images/import": Limit(PICTURE_BYTES, None),
    rf"{PREFIX}/read(/form)?": Limit(PICTURE_BYTES, None),
    rf"{PREFIX}/jobs": Limit(PICTURE_BYTES, 250_000),
    rf"{PREFIX}/forecast": Limit(PICTURE_BYTES, 250_000),
    r"/gradio_api/(queue/join|call/.+|mcp/?)": Limit(PICTURE_BYTES, 250_000),
    r"/v1/images/generations": Limit(PICTURE_BYTES, 250_000),
    r"/v1/images/edits": Limit(PICTURE_BYTES, None),
    rf"{PREFIX}/preprocessors/[^/]+/map": Limit(PICTURE_BYTES, 1000),
    r"/sdapi/v1/extra-\w+-images?|/(sdapi/v1|controlnet)/(txt2img|img2img)": Limit(
        PICTURE_BYTES, 250_000
    ),
    r"/sdapi/v1/(png-info|interrogate)|/controlnet/detect": Limit(PICTURE_BYTES, 1000),
}
"""Routes that take pictures, bare or as data-URIs; the first pattern that fits the path counts."""


class BodyLimit:
    """Refuses bodies over their route's limit, declared or not, without holding them: the bytes
    are measured as they pass."""

    def __init__(self, app: ASGIApp, routes: Mapping[str, Limit] = ROUTES) -> None:
        self._app = app
        self._routes = [(re.compile(pattern), limit) for pattern, limit in routes.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        fitting = (limit for pattern, limit in self._routes if pattern.fullmatch(scope["path"]))
        limit = next(fitting, OTHERS)
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdecimal() and _exceeds(declared, limit.size_bytes):
            return await _refuse(scope, receive, send, _too_large(limit))
        return await self._app_with_limit(scope, receive, send, limit)

    async def _app_with_limit(
        self, scope: Scope, receive: Receive, send: Send, limit: Limit
    ) -> None:
        size_bytes = marks = 0
        started = refused = False

        async def counted_receive() -> Message:
            nonlocal size_bytes, marks, refused
            if refused:
                return {"type": "http.disconnect"}
            message = await receive()
            chunk = message.get("body", b"")
            size_bytes += len(chunk)
            if limit.marks is not None:
                marks += sum(chunk.count(mark) for mark in (b"{", b"[", b",", b":"))
            if size_bytes <= limit.size_bytes and (limit.marks is None or marks <= limit.marks):
                return message
            refused = True
            if not started:
                large = size_bytes > limit.size_bytes
                await _refuse(
                    scope, receive, send, _too_large(limit) if large else _too_many(limit)
                )
            return {"type": "http.disconnect"}  # the application gives up as if the caller had

        async def send_unless_refused(message: Message) -> None:
            nonlocal started
            if not refused:
                started = True
                await send(message)

        try:
            await self._app(scope, counted_receive, send_unless_refused)
        except Exception:
            if not refused:
                raise


def _exceeds(declared: str, most: int) -> bool:
    """Compared by their digits first: Python refuses to read a number of 5,000."""
    digits = declared.lstrip("0")
    return len(digits) > len(str(most)) or int(digits or "0") > most


def _too_large(limit: Limit) -> JSONResponse:
    message = f"The request is larger than {limit.size_bytes // 2**20} MB. Send less at once."
    return refusal(413, "TooLarge", message, _CLOSE)


def _too_many(limit: Limit) -> JSONResponse:
    message = (
        f"The request holds too many things: more than {limit.marks} braces, brackets, commas and "
        "colons. Send less at once."
    )
    return refusal(413, "TooLarge", message, _CLOSE)


_CLOSE = {"Connection": "close"}


async def _refuse(scope: Scope, receive: Receive, send: Send, answer: JSONResponse) -> None:
    """Answer at once, and then read on for a while and throw away: a caller that is still sending
    would else see a broken connection instead of the answer. One that waits for "100 Continue" has
    sent nothing yet."""
    if Headers(scope=scope).get("expect", "").lower() == "100-continue":
        return await refuse(answer, scope, receive, send)
    start = {
        "type": "http.response.start",
        "status": answer.status_code,
        "headers": answer.raw_headers,
    }
    await send(start)
    await send({"type": "http.response.body", "body": answer.body, "more_body": True})
    await _discard(receive, _DRAIN_FACTOR * PICTURE_BYTES)
    return await send({"type": "http.response.body", "body": b""})


async def _discard(receive: Receive, most_bytes: int) -> None:
    try:
        async with asyncio.timeout(_DRAIN_S):
            while most_bytes > 0:
                message = await asyncio.wait_for(receive(), _SILENCE_S)
                most_bytes -= len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body"):
                    return
    except TimeoutError:
        return

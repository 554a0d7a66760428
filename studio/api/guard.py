"""What stands before everything that is served: page, API and files alike.

Each guard is a small ASGI middleware that knows nothing of the others; `add_guards` sets their
order. They see raw bytes pass by and never collect them.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.api.login import LoginGuard
from studio.api.refusal import refusal, refuse

MAX_BODY_BYTES = 64 * 2**20
_DRAIN_FACTOR = 4
_DRAIN_S = 20.0

_CSP = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",  # Gradio's templates need both
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def add_guards(
    app: FastAPI, host: str, proxy_names: Iterable[str], logins: Mapping[str, str]
) -> None:
    """Put all guards before `app`.

    host         the name it listens on; localhost, this machine's name and bare addresses are
                 accepted besides
    proxy_names  names under which proxies serve it
    logins       user -> password; empty for no login
    """
    # The last one added comes first.
    app.add_middleware(BodyLimit, limit_bytes=MAX_BODY_BYTES)
    if logins:
        app.add_middleware(LoginGuard, logins=logins)
    app.add_middleware(OriginGuard, proxy_names=proxy_names)
    app.add_middleware(HostGuard, names=(host, *proxy_names))
    app.add_middleware(SecurityHeaders)


class SecurityHeaders:
    """Adds headers that keep the page to its own host; an answer's own headers win."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class HostGuard:
    """Refuses host names that are not ours: a foreign page whose name was made to point to this
    machine (DNS rebinding) could else read everything. Bare addresses cannot be rebound."""

    def __init__(self, app: ASGIApp, names: Iterable[str]) -> None:
        self._app = app
        machine = socket.gethostname().lower()
        self._names = {"localhost", machine, f"{machine}.local", *(name.lower() for name in names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        host = Headers(scope=scope).get("host", "")
        if self._is_ours(host):
            return await self._app(scope, receive, send)
        message = (
            f"The host name {host[:80]!r} is not this studio's. "
            "If a proxy serves it under this name, start it with --allow-host NAME."
        )
        return await refuse(refusal(400, "WrongHost", message), scope, receive, send)

    def _is_ours(self, host: str) -> bool:
        name = _host_name(f"//{host}")
        return name in self._names or name.endswith(".localhost") or _is_address(name)


class OriginGuard:
    """Refuses what another site's page sends: a browser always names the page's origin there.

    A proxy may change the Host header on the way; pages of its names are our own all the same.
    """

    def __init__(self, app: ASGIApp, proxy_names: Iterable[str]) -> None:
        self._app = app
        self._proxy_names = {name.lower() for name in proxy_names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            headers = Headers(scope=scope)
            origin = headers.get("origin")
            if origin is not None and not self._is_ours(origin, headers.get("host", "")):
                message = (
                    f"A page of {origin[:80]} may not use this studio. Open the studio's own page; "
                    "if a proxy serves it there, start it with --allow-host NAME."
                )
                answer = refusal(403, "WrongOrigin", message)
                return await refuse(answer, scope, receive, send)
        return await self._app(scope, receive, send)

    def _is_ours(self, origin: str, host: str) -> bool:
        return origin.partition("://")[2] == host or _host_name(origin) in self._proxy_names


class BodyLimit:
    """Refuses request bodies over `limit_bytes`, declared or not, without holding them."""

    def __init__(self, app: ASGIApp, limit_bytes: int) -> None:
        self._app = app
        self._limit_bytes = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdecimal() and int(declared) > self._limit_bytes:
            return await self._refuse(scope, receive, send)
        return await self._app_with_limit(scope, receive, send)

    async def _app_with_limit(self, scope: Scope, receive: Receive, send: Send) -> None:
        seen_bytes = 0
        started = refused = False

        async def counted_receive() -> Message:
            nonlocal seen_bytes, refused
            if refused:
                return {"type": "http.disconnect"}
            message = await receive()
            seen_bytes += len(message.get("body", b""))
            if seen_bytes <= self._limit_bytes:
                return message
            refused = True
            if not started:
                await self._refuse(scope, receive, send)
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

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        # A caller that is still sending sees a broken connection instead of the answer: read on
        # for a while and throw away. One that waits for "100 Continue" has sent nothing yet.
        if Headers(scope=scope).get("expect", "").lower() != "100-continue":
            await _discard(receive, _DRAIN_FACTOR * self._limit_bytes)
        message = (
            f"The request is larger than {self._limit_bytes // 2**20} MB. Send smaller pictures."
        )
        await refuse(refusal(413, "TooLarge", message), scope, receive, send)


def _host_name(url: str) -> str:
    """The name in `url` without its port, in lower case; empty where there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


async def _discard(receive: Receive, most_bytes: int) -> None:
    until_s = time.monotonic() + _DRAIN_S
    while most_bytes > 0 and time.monotonic() < until_s:
        message = await receive()
        most_bytes -= len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body"):
            return

"""What stands before everything that is served: page, API and files alike.

Each guard is a small ASGI middleware that knows nothing of the others; `add_guards` sets their
order. They see raw bytes pass by and never collect them.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Collection, Iterable, Mapping
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.api.bodies import BodyLimit
from studio.api.guests import GuestGuard
from studio.api.login import LoginGuard
from studio.api.outermost import Outermost
from studio.api.proxies import ProxyHeaders
from studio.api.refusal import refusal, refuse
from studio.domain.addresses import PAGE
from studio.domain.reach import TUNNEL, Reach

_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9._-]+)(?::[0-9]{1,5})?")
"""A Host header: a name or an address, and perhaps a port."""

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
_CORS = {
    "allow_methods": ("GET", "POST", "PUT", "PATCH", "DELETE"),
    "allow_headers": ("Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID"),
    "expose_headers": ("X-Seq", "X-State", "X-Process-Time"),
    "allow_private_network": True,
}
"""What pages of the sites that may use the studio may send and see. No cookies: such a page is who
its login says, or a guest by its address."""


def add_guards(
    app: FastAPI,
    host: str,
    proxy_names: Iterable[str],
    logins: Mapping[str, str],
    trusted_proxies: Iterable[str] = (),
    token_owner: Callable[[str], str | None] = lambda token: None,
    *,
    origins: Collection[str] = (),
    reach: Reach | None = None,
) -> None:
    """Put all guards before `app`.

    host             the name it listens on; localhost, this machine's name and bare addresses are
                     accepted besides
    proxy_names      names under which proxies serve it
    logins           user -> password; empty for no login
    trusted_proxies  addresses or networks of proxies whose word counts
    token_owner      token -> user, or None; as `LoginGuard` has it
    origins          of other sites, as https://site.example, whose pages may use it
    reach            knows the name of the tunnel, which comes while it is served
    """
    # The last one added comes first.
    app.add_middleware(BodyLimit)
    if logins:
        app.add_middleware(LoginGuard, logins=logins, token_owner=token_owner)
    else:
        app.add_middleware(GuestGuard)
    app.add_middleware(OriginGuard, proxy_names=proxy_names, origins=origins)
    if origins:
        app.add_middleware(CORSMiddleware, allow_origins=origins, **_CORS)
    app.add_middleware(HostGuard, names=(host, *proxy_names), reach=reach or Reach())
    app.add_middleware(ProxyHeaders, trusted=trusted_proxies, names=proxy_names)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(Outermost)


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
    machine (DNS rebinding) could else read everything. Bare addresses cannot be rebound. Through
    the tunnel its own name is served alone, and from nowhere else."""

    def __init__(self, app: ASGIApp, names: Iterable[str], reach: Reach) -> None:
        self._app = app
        self._reach = reach
        machine = socket.gethostname().lower()
        self._names = {"localhost", machine, f"{machine}.local", *(name.lower() for name in names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        host = Headers(scope=scope).get("host", "")
        if self._is_ours(host, (scope.get("client") or ("", 0))[0]):
            return await self._app(scope, receive, send)
        message = (
            f"The host name {host[:80]!r} is not this studio's. "
            "If a proxy serves it under this name, start it with --allow-host NAME."
        )
        return await refuse(refusal(400, "WrongHost", message), scope, receive, send)

    def _is_ours(self, host: str, address: str) -> bool:
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        name = match[1].strip("[]").lower()
        if address == TUNNEL:
            return name == self._reach.tunnel_name()
        return name in self._names or name.endswith(".localhost") or _is_address(name)


class OriginGuard:
    """Refuses what another site's page sends: a browser names the page's origin with all that
    changes something, and says of all else whether it comes from another site. Links to the page
    itself are followed from anywhere.

    A proxy may change the Host header on the way; pages of its names are our own all the same.
    Those of `origins` are let in.
    """

    def __init__(
        self, app: ASGIApp, proxy_names: Iterable[str], origins: Collection[str] = ()
    ) -> None:
        self._app = app
        self._origins = frozenset(origins)
        self._proxy_names = {name.lower() for name in proxy_names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            headers = Headers(scope=scope)
            origin = headers.get("origin")
            if origin is not None and not self._is_ours(origin, headers.get("host", "")):
                message = (
                    f"A page of {origin[:80]} may not use this studio. Open the studio's own page; "
                    "if a proxy serves it there, start it with --allow-host NAME; to let that "
                    "site's pages in, with --cors-origin."
                )
                answer = refusal(403, "WrongOrigin", message)
                return await refuse(answer, scope, receive, send)
            linked = scope.get("method") in ("GET", "HEAD") and PAGE.fullmatch(scope["path"])
            invited = origin in self._origins
            if headers.get("sec-fetch-site") == "cross-site" and not (linked or invited):
                return await refuse(_CROSS_SITE, scope, receive, send)
        return await self._app(scope, receive, send)

    def _is_ours(self, origin: str, host: str) -> bool:
        names = origin.partition("://")[2], _host_name(origin)
        return origin in self._origins or names[0] == host or names[1] in self._proxy_names


_CROSS_SITE = refusal(
    403,
    "WrongOrigin",
    "A page of another site may not use this studio. Open the studio's own page, and this address "
    "from there.",
)


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

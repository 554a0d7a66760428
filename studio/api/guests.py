"""Who is who where nobody logs in: a browser by its cookie, programs by their address."""

from __future__ import annotations

import re
import secrets

from starlette.datastructures import MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.domain.accounts import guest

COOKIE = "studio-browser"
_AGE_S = 365 * 24 * 3600
_ID = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)
_PAGES = re.compile(r"/(picture/.*)?", re.ASCII)


class GuestGuard:
    """Gives every caller the account of a guest: that of the cookie which the page's first answer
    sets, else that of the address. It tells browsers apart and keeps nobody out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        id = _sent(scope)
        is_page = scope["type"] == "http" and _PAGES.fullmatch(scope["path"])
        if is_page:
            id = id or secrets.token_urlsafe(16)
        address = (scope.get("client") or ("unknown", 0))[0]
        scope.setdefault("state", {})["account"] = guest(id or address)

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                secure = "; Secure" if scope["scheme"] == "https" else ""
                MutableHeaders(scope=message).append(
                    "Set-Cookie",
                    f"{COOKIE}={id}; Path=/; Max-Age={_AGE_S}; HttpOnly; SameSite=Lax{secure}",
                )
            await send(message)

        return await self._app(scope, receive, send_with_cookie if is_page else send)


def _sent(scope: Scope) -> str | None:
    """The id in the caller's cookie, if it is one of ours."""
    for name, value in scope["headers"]:
        if name == b"cookie":
            id = cookie_parser(value.decode("latin-1")).get(COOKIE, "")
            if _ID.fullmatch(id):
                return id
    return None

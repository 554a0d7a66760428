"""What a proxy says of who calls and under which name: believed of those we were told to trust."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from studio.domain.reach import TUNNEL

_SAID_BY_PROXIES = (b"x-forwarded-", b"forwarded", b"x-real-ip", b"x-gradio-server")


class ProxyHeaders:
    """Takes the headers of proxies away, so that nothing behind can believe them, unless the
    connection comes from one of `trusted` (addresses or networks): then X-Forwarded-For is the
    caller, X-Forwarded-Proto the scheme, and X-Forwarded-Host stays if it is one of `names`. Never
    through the tunnel, where anybody may have written them.
    """

    def __init__(self, app: ASGIApp, trusted: Iterable[str], names: Iterable[str]) -> None:
        self._app = app
        self._proxies = ProxyHeadersMiddleware(app, list(trusted))
        self._names = {name.lower().encode() for name in names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        address = (scope.get("client") or ("", 0))[0]
        if address != TUNNEL and address in self._proxies.trusted_hosts:
            kept = [item for item in scope["headers"] if self._may_stay(*item)]
            return await self._proxies(scope | {"headers": kept}, receive, send)
        kept = [item for item in scope["headers"] if not item[0].startswith(_SAID_BY_PROXIES)]
        return await self._app(scope | {"headers": kept}, receive, send)

    def _may_stay(self, name: bytes, value: bytes) -> bool:
        if name == b"x-forwarded-host":
            return value.partition(b":")[0].strip().lower() in self._names
        return name in (b"x-forwarded-for", b"x-forwarded-proto") or not name.startswith(
            _SAID_BY_PROXIES
        )

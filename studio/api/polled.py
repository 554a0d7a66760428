"""A short way for what is asked again and again while a job runs: behind all guards, before the
routes, which take longer to find and to call than most answers to make."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

Way = Callable[[Scope, str], str | bytes | None]
"""(what was asked, what the group in its path holds) -> JSON; None: its route shall answer."""
Ways = dict[str, Way]
"""By patterns of paths, with one group at most. Each way has a route as well, beside which it is
made; /openapi.json knows that one."""


class Polled:
    """Answers GET where one of `ways` has an answer; they are complete before the first call."""

    def __init__(self, app: ASGIApp, ways: Mapping[str, Way]) -> None:
        self._app = app
        self._ways = [(re.compile(pattern), way) for pattern, way in ways.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET":
            told = self._told(scope)
            if told is not None:
                body = told.encode() if isinstance(told, str) else told
                length = b"%d" % len(body)
                headers = [(b"content-length", length), (b"content-type", b"application/json")]
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                return await send({"type": "http.response.body", "body": body})
        return await self._app(scope, receive, send)

    def _told(self, scope: Scope) -> str | bytes | None:
        for pattern, way in self._ways:
            if match := pattern.fullmatch(scope["path"]):
                return way(scope, match.group(match.lastindex or 0))
        return None

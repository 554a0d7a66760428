"""Pictures of a class that wait for its teacher: nobody else sees them before."""

from __future__ import annotations

import re

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from studio.api.refusal import refusal, refuse
from studio.api.wire import PREFIX
from studio.domain.errors import NotYours
from studio.gallery.library import Library
from studio.safety.desk import Safety

_PICTURE = re.compile(rf"{PREFIX}/images/([^/]+)(/.*)?")


class Waiting:
    """Refuses everything about a picture to whoever may not see it. Behind the guards that find out
    who calls."""

    def __init__(self, app: ASGIApp, library: Library, safety: Safety) -> None:
        self._app, self._library, self._safety = app, library, safety

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        account = scope.get("state", {}).get("account")
        if scope["type"] != "http" or account is None or self._safety.sees_all(account):
            return await self._app(scope, receive, send)
        picture = _PICTURE.fullmatch(scope["path"])
        if picture is not None:
            try:
                await run_in_threadpool(self._check, account, picture[1])
            except NotYours as error:
                answer = refusal(error.status, "NotYours", str(error))
                return await refuse(answer, scope, receive, send)
        return await self._app(scope, receive, send)

    def _check(self, account: str, id: str) -> None:
        row = self._library.pictures.find(id)
        if row is not None:
            self._safety.require_sight(account, row)

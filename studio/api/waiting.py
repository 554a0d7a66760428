"""Pictures of a class that wait for its teacher: nobody else sees them before, nor uses them."""

from __future__ import annotations

import re
from urllib.parse import unquote_plus

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.api.refusal import refusal, refuse
from studio.domain.errors import NotYours
from studio.gallery.library import Library
from studio.gallery.places import ID
from studio.safety.desk import Safety

_ESCAPE = re.compile(r"\\+u([0-9a-fA-F]{4})")
_MOST = 5000


class Waiting:
    """Refuses every request that names a picture which its caller may not see: in the address, or
    anywhere in the body, whatever kind of body that is. Behind the guards that find out who calls
    and measure the body.
    """

    def __init__(self, app: ASGIApp, library: Library, safety: Safety) -> None:
        self._app, self._library, self._safety = app, library, safety

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        account = scope.get("state", {}).get("account")
        if scope["type"] != "http" or account is None or self._safety.sees_all(account):
            return await self._app(scope, receive, send)
        messages = await _all(receive)
        body = b"".join(message.get("body", b"") for message in messages)
        try:
            await run_in_threadpool(self._check, account, scope, body)
        except NotYours as error:
            answer = refusal(error.status, "NotYours", str(error))
            return await refuse(answer, scope, receive, send)
        rest = iter(messages)

        async def again() -> Message:
            return next(rest, None) or await receive()

        return await self._app(scope, again, send)

    def _check(self, account: str, scope: Scope, body: bytes) -> None:
        address = f"{scope['path']} {scope.get('query_string', b'').decode('latin-1')}"
        ids = _named(address) | _named(body.decode("latin-1"))
        if len(ids) > _MOST:
            raise NotYours(f"The request names more than {_MOST} pictures. Name fewer at once.")
        for id in ids:
            row = self._library.pictures.find(id)
            if row is not None:
                self._safety.require_sight(account, row)


async def _all(receive: Receive) -> list[Message]:
    """The messages of a body, to its end."""
    messages = [await receive()]
    while messages[-1]["type"] == "http.request" and messages[-1].get("more_body"):
        messages.append(await receive())
    return messages


def _named(text: str) -> set[str]:
    """All ids of pictures in `text`, however its characters are written: as they are, escaped as in
    JSON and in JSON within that, or as in an address."""
    text = unquote_plus(text, "latin-1")
    while (plain := _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)) != text:
        text = plain
    return {found[0] for found in ID.finditer(text)}

"""Pictures of a class that wait for its teacher: nobody else sees them before, nor uses them."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.api.refusal import refusal, refuse
from studio.domain.errors import NotYours
from studio.gallery.library import Library
from studio.gallery.places import ID
from studio.safety.desk import Safety

_MAY_HOLD_ONE = re.compile(r"-(?<=\d{5}-)\d", re.ASCII)
"""Whether `ID` is worth a try, which takes ten times as long: it begins with what is rare."""
_ESCAPE = re.compile(r"\\+u([0-9a-fA-F]{4})")
_MOST = 5000
_AT_ONCE_BYTES = 2**16
_OVERLAP_BYTES = 2**14
"""So much of what was read is read once more with what comes next: more than any way of writing an
id that the studio understands."""
_CUT = 64
"""Characters at both ends of what is read at once where an id may be cut; it stands whole in what
is read before or after."""


class Waiting:
    """Refuses every request that names a picture which its caller may not see: in the address, or
    anywhere in the body, whatever kind of body that is. Behind the guards that find out who calls
    and measure the body, which is read as it passes and not held.
    """

    def __init__(self, app: ASGIApp, library: Library, safety: Safety) -> None:
        self._app, self._library, self._safety = app, library, safety

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        account = scope.get("state", {}).get("account")
        if scope["type"] != "http" or account is None or self._safety.sees_all(account):
            return await self._app(scope, receive, send)
        reader = IdReader()
        query: bytes = scope.get("query_string", b"")
        named = _ids(scope["path"].encode("utf-8", "surrogateescape") + b" " + query)
        refused = await self._refused(account, named)
        if refused:
            return await _answer(refused, scope, receive, send)
        started = False

        async def checked_receive() -> Message:
            nonlocal refused
            if refused is None:
                message = await receive()
                more = message.get("more_body", False)
                found = reader.read(message.get("body", b""), more)
                refused = await self._refused(account, found)
                if refused is None:
                    return message
                if not started:
                    await _answer(refused, scope, receive, send)
            return {"type": "http.disconnect"}  # the application gives up as if the caller had

        async def send_unless_refused(message: Message) -> None:
            nonlocal started
            if refused is None:
                started = True
                await send(message)

        try:
            await self._app(scope, checked_receive, send_unless_refused)
        except Exception:
            if refused is None:  # else it says that its caller has gone, who was told why
                raise

    async def _refused(self, account: str, ids: set[str]) -> NotYours | None:
        """Why `account` may not name one of these; None: it may."""
        try:
            if ids:
                await run_in_threadpool(self._check, account, ids)
        except NotYours as error:
            return error
        return None

    def _check(self, account: str, ids: set[str]) -> None:
        if len(ids) > _MOST:
            raise NotYours(f"The request names more than {_MOST} pictures. Name fewer at once.")
        for id in ids:
            row = self._library.pictures.find(id)
            if row is not None:
                self._safety.require_sight(account, row)


class IdReader:
    """Finds the ids of pictures in a body that comes in parts, and holds the last few kB of it."""

    def __init__(self) -> None:
        self._held, self._is_begun = bytearray(), False
        self._seen: set[str] = set()

    def read(self, part: bytes, more: bool) -> set[str]:
        """Those that were found since the last call; of more than `_MOST` in all, all. `more`:
        other parts follow, and some of what is in this may be told then."""
        self._held += part
        if more and len(self._held) < _OVERLAP_BYTES + _AT_ONCE_BYTES:
            return set()
        found = _ids(bytes(self._held), self._is_begun, goes_on=more) - self._seen
        del self._held[:-_OVERLAP_BYTES]
        self._is_begun = True
        self._seen |= found
        return self._seen if len(self._seen) > _MOST else found


async def _answer(error: NotYours, scope: Scope, receive: Receive, send: Send) -> None:
    await refuse(refusal(error.status, "NotYours", str(error)), scope, receive, send)


def _ids(data: bytes, is_begun: bool = False, goes_on: bool = False) -> set[str]:
    """All ids of pictures in `data`, however their characters are written: as they are, in UTF-16,
    escaped as in JSON and in JSON within that, or as in an address. `is_begun`, `goes_on`: it is a
    part, and what stands at its begin or end may be half an id."""
    text = unquote_to_bytes(data).replace(b"\0", b"").decode("latin-1")
    while (plain := _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)) != text:
        text = plain
    if not _MAY_HOLD_ONE.search(text):
        return set()
    least, most = _CUT if is_begun else 0, len(text) - (_CUT if goes_on else 0)
    matches = ID.finditer(text)
    return {found[0] for found in matches if least <= found.start() and found.end() <= most}

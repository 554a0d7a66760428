"""What stands before all else: requests that no route can do anything with."""

from __future__ import annotations

import asyncio
import errno
import logging

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.api.refusal import refusal, refuse

log = logging.getLogger(__name__)

_MOST_NAME_BYTES = 255
_MOST_PATH_BYTES = 3000
_OF_PATHS = frozenset({errno.ENAMETOOLONG, errno.ELOOP, errno.EILSEQ})


class Outermost:
    """Answers paths that no file system can hold with 404, before anything looks for them there,
    takes note of callers who leave while they are still sending with one line in the log, and lets
    calls end in silence that are cancelled, as they are with the server."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        if not _can_be(scope["path"]):
            await refuse(_NOT_FOUND, scope, receive, send)
            return
        started = False

        async def noted_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noted_send)
        except asyncio.CancelledError:
            log.debug("%s %s ends with the server.", scope.get("method"), scope["path"])
        except ClientDisconnect:
            log.info("The caller of %s %s left while sending.", scope["method"], scope["path"])
        except OSError as error:
            if error.errno not in _OF_PATHS or started:
                raise
            await refuse(_NOT_FOUND, scope, receive, send)


def _can_be(path: str) -> bool:
    encoded = path.encode("utf-8", "surrogatepass")
    return (
        b"\0" not in encoded
        and len(encoded) <= _MOST_PATH_BYTES
        and all(len(name) <= _MOST_NAME_BYTES for name in encoded.split(b"/"))
    )


_NOT_FOUND = refusal(404, "NotFound", "There is nothing of this name. What there is: /docs.")

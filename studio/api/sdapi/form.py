"""How refusals look to AUTOMATIC1111's clients, whoever refuses: a guard before the routes, a
route, or the body's check."""

from __future__ import annotations

import json
import re
import time

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PATHS = re.compile(r"/(sdapi|controlnet|internal|sd_extra_networks)/.*", re.DOTALL)
_REFUSED = 400


class Form:
    """Gives every refusal below their paths their form, and every answer X-Process-Time."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not PATHS.fullmatch(scope["path"]):
            return await self._app(scope, receive, send)
        began_s = time.perf_counter()
        held: Message | None = None

        async def formed_send(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Process-Time"] = f"{time.perf_counter() - began_s:.4f}"
                if message["status"] >= _REFUSED:
                    held = message
                    return
            elif held is not None:
                start, held = held, None
                body = _formed(message.get("body", b""))
                MutableHeaders(scope=start)["Content-Length"] = str(len(body))
                await send(start)
                message = {**message, "body": body}
            await send(message)

        return await self._app(scope, receive, formed_send)


def _formed(body: bytes) -> bytes:
    """A refusal comes in one piece. What is none of ours stays as it is."""
    try:
        said = json.loads(body)
        error, detail = said["error"], said["message"]
    except (ValueError, KeyError, TypeError):
        return body
    told = {"error": error, "detail": detail, "body": "", "errors": detail}
    return json.dumps(told, ensure_ascii=False).encode()

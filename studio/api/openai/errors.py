"""Refusals in OpenAI's form, whoever refuses: a guard, a route, or the page behind them."""

from __future__ import annotations

import json
import re
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PREFIX = "/v1/"

_PARAMS = {
    "batch_size": "n",
    "checkpoint": "model",
    "height": "size",
    "image": "image",
    "task.image": "image",
    "task.mask": "mask",
    "width": "size",
}
"""Fields of ours -> what they are called there."""
_CODES = {
    "LoginNeeded": "invalid_api_key",
    "QueueFull": "rate_limit_exceeded",
    "TooManyLogins": "rate_limit_exceeded",
    "UnknownCheckpoint": "model_not_found",
}
_STATUSES = {"UnknownCheckpoint": 404}
_INVALID = 422


class OpenAIErrors:
    """Rewrites the JSON of every answer of 400 and above below `/v1/`; all else passes as it is.

    What failed while it was drawn would fail again, so clients are told not to try by themselves.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            return await self._app(scope, receive, send)
        held: Message | None = None

        async def send_rewritten(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start" and _is_refusal(message):
                held = message
                return
            if held is not None and message["type"] == "http.response.body":
                start, held = held, None
                message["body"] = _rewrite(start, message.get("body", b""))
                await send(start)
            await send(message)

        return await self._app(scope, receive, send_rewritten)


def error_body(status: int, error: str, message: str, field: str | None = None) -> dict[str, Any]:
    """`error` is the name in the error tree, or of a guard's reason; `message` may begin with the
    `field` of a request."""
    param = _PARAMS.get(field, field) if field else None
    if field and message.startswith(f"{field}: "):
        message = f"{param}: {message.removeprefix(f'{field}: ')}"
    kind = "server_error" if status >= 500 else "invalid_request_error"
    code = _CODES.get(error) or re.sub(r"(?<!^)(?=[A-Z])", "_", error).lower()
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def _is_refusal(start: Message) -> bool:
    media_type = Headers(raw=start["headers"]).get("content-type", "")
    return start["status"] >= 400 and media_type.startswith("application/json")


def _rewrite(start: Message, body: bytes) -> bytes:
    """`body` in the other form; `start` gets what goes with it. Refusals come in one piece."""
    said = json.loads(body)
    error, message = said.get("error", "NotFound"), said.get("message", said.get("detail", ""))
    status = _STATUSES.get(error, 400 if start["status"] == _INVALID else start["status"])
    rewritten = json.dumps(error_body(status, error, message, said.get("field"))).encode()
    start["status"] = status
    headers = MutableHeaders(raw=start["headers"])
    headers["content-length"] = str(len(rewritten))
    if status == 500:
        headers["x-should-retry"] = "false"
    start["headers"] = headers.raw
    return rewritten

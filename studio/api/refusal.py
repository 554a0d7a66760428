"""The one form of all refusals."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from studio.api.wire import ErrorBody
from studio.domain.errors import StudioError

log = logging.getLogger(__name__)


def refusal(
    status: int,
    error: str,
    message: str,
    headers: Mapping[str, str] | None = None,
    field: str = "",
) -> JSONResponse:
    """`error` names a class in the error tree or a guard's reason; `message` is for people, about
    the `field` of a request."""
    body = ErrorBody(error=error, message=message, field=field or None).model_dump()
    return JSONResponse(body, status, headers=headers)


async def refuse(response: JSONResponse, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer an ASGI call with `response` instead of the application; a WebSocket is closed."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
    else:
        await response(scope, receive, send)


def add_refusals(app: FastAPI) -> None:
    """Give `app` an answer to every error that its routes raise."""

    @app.exception_handler(StudioError)
    async def from_studio(_: Request, error: StudioError) -> JSONResponse:
        return refusal(error.status, type(error).__name__, str(error), field=error.field)

    @app.exception_handler(RequestValidationError)
    async def from_parameters(_: Request, error: RequestValidationError) -> JSONResponse:
        return refusal(422, "InvalidRequest", _explain(error))

    @app.exception_handler(HTTPException)
    async def from_http(_: Request, error: HTTPException) -> JSONResponse:
        return refusal(error.status_code, "HttpError", str(error.detail), error.headers)

    @app.exception_handler(Exception)
    async def from_anything(_: Request, error: Exception) -> JSONResponse:
        return refusal(500, "EngineError", "Something went wrong in the studio; its log says what.")


def _explain(error: RequestValidationError) -> str:
    """Which part of the address or the headers is wrong, and why."""
    wrong = (
        f"{'.'.join(map(str, item['loc'][1:]))}: {item['msg'].lower()}." for item in error.errors()
    )
    return " ".join(wrong)

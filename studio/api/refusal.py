"""The one form of all refusals."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from studio.api.places import PublicText
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


def add_refusals(app: FastAPI, public: PublicText) -> None:
    """Give `app` an answer to every error that its routes raise, its message made `public`."""

    @app.exception_handler(StudioError)
    async def from_studio(_: Request, error: StudioError) -> JSONResponse:
        return refusal(error.status, type(error).__name__, public(str(error)), field=error.field)

    @app.exception_handler(RequestValidationError)
    async def from_parameters(request: Request, error: RequestValidationError) -> JSONResponse:
        return refusal(422, "InvalidRequest", _explain(error, _body_of(request)))

    @app.exception_handler(HTTPException)
    async def from_http(_: Request, error: HTTPException) -> JSONResponse:
        return refusal(error.status_code, "HttpError", str(error.detail), error.headers)

    @app.exception_handler(Exception)
    async def from_anything(_: Request, error: Exception) -> JSONResponse:
        return refusal(500, "EngineError", "Something went wrong in the studio; its log says what.")


def _explain(error: RequestValidationError, takes: type[BaseModel] | None) -> str:
    """Which part of the address, the headers or the body is wrong, and why. `takes`: the body."""
    return " ".join(_explained(item, takes) for item in error.errors())


def _explained(item: dict[str, Any], takes: type[BaseModel] | None) -> str:
    where, *inside = map(str, item["loc"])
    if item["type"] == "missing":
        if not inside and takes is not None:
            return missing_body(takes)
        return f"{'.'.join(inside) or where}: is missing."
    if item["type"] == "json_invalid":
        return f"{where}: this is not valid JSON ({item['ctx']['error']})."
    return f"{'.'.join(inside) or where}: {item['msg'].lower()}."


def missing_body(takes: type[BaseModel]) -> str:
    """What an empty body is answered with where a route `takes` JSON with these fields."""
    fields = takes.model_fields
    needed = [name for name, field in fields.items() if field.is_required()]
    which = f"with {' and '.join(needed)}" if needed else f"with any of {', '.join(fields)}"
    return f"The body is missing. Send JSON {which}."


def _body_of(request: Request) -> type[BaseModel] | None:
    """The model that the route takes as its body, if it takes one."""
    field = getattr(request.scope.get("route"), "body_field", None)
    takes = field.field_info.annotation if field else None
    return takes if isinstance(takes, type) and issubclass(takes, BaseModel) else None

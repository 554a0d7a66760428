"""What routes answer, as `/openapi.json` says it: refusals, which all have one form, and bytes;
and a zip, as it is packed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from starlette.responses import StreamingResponse

from studio.api.wire import ErrorBody
from studio.gallery import downloads

Answers = dict[int | str, dict[str, Any]]
"""HTTP status -> what it means, for FastAPI's `responses`."""

_REFUSALS = {
    400: "Not HTTP as it should be, a body cut off, or a host name that is not this studio's",
    401: "Needs a login",
    403: "Asked by a page of another site, or about what belongs to another login",
    404: "There is nothing of this name (any more)",
    408: "Headers or body came too slowly",
    413: "The body is too large or holds too many things",
    422: "Not a valid request, or there is too little memory for it; the message says why",
    429: "Too many wrong logins, or more pictures than an account may for now",
    500: "The model's files are damaged, or the studio failed; the message says",
    503: "Too many connections, jobs or downloads wait",
    507: "No room on the disk, or it cannot be written",
}


_REF = {"application/json": {"schema": {"$ref": f"#/components/schemas/{ErrorBody.__name__}"}}}
"""The body of each. FastAPI compiles a `model` anew for every answer of every route, which were
half of what a start of the application costs; so one route has it, and the others refer to it."""


def refusals(*statuses: int) -> Answers:
    """Those that a route gives besides `EVERYWHERE`."""
    return {status: {"description": _REFUSALS[status], "content": _REF} for status in statuses}


_BEFORE_ROUTES = refusals(400, 403, 408, 413, 503)
WITHOUT_LOGIN: Answers = {
    status: {"model": ErrorBody, "description": answer["description"]}
    for status, answer in _BEFORE_ROUTES.items()
}
"""From what stands before every route."""
EVERYWHERE = refusals(401, 429) | _BEFORE_ROUTES


def sends(description: str, *media_types: str, **headers: str) -> dict[str, Any]:
    """One answer whose body is bytes of one of the `media_types`. `headers` are those beside it
    and what they say, an underscore in a name standing for a hyphen."""
    answer: dict[str, Any] = {"description": description}
    if media_types:
        schema = {"type": "string", "format": "binary"}
        answer["content"] = {media_type: {"schema": schema} for media_type in media_types}
    if headers:
        answer["headers"] = {
            name.replace("_", "-"): {"description": says, "schema": {"type": "string"}}
            for name, says in headers.items()
        }
    return answer


def zipped(name: str, files: Iterable[tuple[str, Callable[[], bytes]]]) -> StreamingResponse:
    """`files`, each a path and what gives its bytes, below a folder `name` of `name`.zip, piece by
    piece. One whose bytes raise `NotFound` is left out."""
    now = datetime.now(UTC)
    packed = downloads.archive((f"{name}/{path}", now, data) for path, data in files)
    told = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}.zip"}
    return StreamingResponse(packed, 200, told, "application/zip")

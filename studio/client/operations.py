"""What both clients do, as coroutines that ask for HTTP calls and get the answers: whoever drives
one decides whether it waits in a thread or in an event loop."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from studio.client import messages
from studio.domain import events
from studio.domain.errors import EngineError, InvalidRequest
from studio.domain.files import read_file
from studio.domain.request import GenerationRequest
from studio.domain.sources import paths_in, renamed
from studio.reading.record import Reading
from studio.store.finding import Filters, Page
from studio.store.pictures import PictureRow

if TYPE_CHECKING:  # it brings OpenCV
    from studio.provenance.verdict import Verdict

PREFIX = "/studio/v1"
MOST_BYTES = 64 * 2**20
"""Of an upload."""


class Answer(Protocol):
    """As httpx has it."""

    content: bytes

    def json(self) -> Any: ...


@dataclass(frozen=True)
class Call:
    """One HTTP call, of which an answer below 400 is given back."""

    method: str
    path: str
    options: dict[str, Any] = field(default_factory=dict)


Result = TypeVar("Result")
Operation = Generator[Call, Answer, Result]


def submit(request: GenerationRequest) -> Operation[str]:
    """The id of the job; files of this machine are uploaded first."""
    names = {}
    for path in paths_in(request):
        answer = yield Call("POST", "/uploads", {"content": _file(path)})
        names[path] = answer.json()["ref"]
    body = renamed(request, names).model_dump_json()
    options = {"content": body, "headers": {"Content-Type": "application/json"}}
    answer = yield Call("POST", "/jobs", options)
    return answer.json()["id"]


def job(id: str) -> Operation[dict[str, Any]]:
    answer = yield Call("GET", f"/jobs/{id}")
    return answer.json()


def request_of(id: str) -> Operation[GenerationRequest]:
    """The settled request of a job."""
    body = yield from job(id)
    return GenerationRequest.parse(body["request"])


def cancel(id: str) -> Operation[None]:
    yield Call("POST", f"/jobs/{id}/cancel")


def event(id: str, body: dict[str, Any]) -> Operation[events.Event]:
    """The event of the job `id`, with the bytes that it names."""
    jpeg, pictures = b"", []
    if body["type"] == "preview":
        jpeg = (yield Call("GET", body["url"].removeprefix(PREFIX))).content
    if body.get("images"):
        request = yield from request_of(id)
        for place, image in zip(request.places, body["images"], strict=False):
            file = yield Call("GET", f"/images/{image['id']}")
            pictures.append(messages.picture_of(image, request, place, file.content))
    return messages.event_of(body, jpeg, tuple(pictures))


def pictures_of(last: events.Event | None) -> list[events.Picture]:
    """What a run that ended with `last` has drawn. Raises the `StudioError` of one that failed."""
    if isinstance(last, events.Finished):
        return list(last.pictures)
    if isinstance(last, events.Failed):
        raise last.cause
    raise EngineError("The run was cancelled. Submit the request again.")


def status() -> Operation[dict[str, Any]]:
    answer = yield Call("GET", "/status")
    return answer.json()


def read(source: bytes | str | Path) -> Operation[Reading]:
    if isinstance(source, Path):
        source = _file(source)
    if isinstance(source, str):
        answer = yield Call("POST", "/read", {"json": {"text": source}})
    else:
        answer = yield Call("POST", "/read", {"content": source})
    return messages.reading_of(answer.json())


def verify(source: bytes | str | Path) -> Operation[Verdict]:
    data = source if isinstance(source, bytes) else _file(source)
    answer = yield Call("POST", "/verify", {"content": data})
    return messages.verdict_of(answer.json())


def page(filters: Filters, limit: int, before: int | None) -> Operation[Page]:
    query = messages.query_of(filters, limit, before)
    answer = yield Call("GET", "/images", {"params": query})
    return messages.page_of(answer.json())


def entry(id: str) -> Operation[PictureRow]:
    answer = yield Call("GET", f"/images/{id}/details")
    return messages.row_of(answer.json())


def picture(id: str) -> Operation[events.Picture]:
    body = (yield Call("GET", f"/images/{id}/details")).json()
    request = GenerationRequest.parse((yield Call("GET", f"/images/{id}/request")).json())
    file = yield Call("GET", f"/images/{id}")
    return messages.picture_of(body, request, request.batch_place or 0, file.content)


def boards() -> Operation[list[tuple[str, int]]]:
    answer = yield Call("GET", "/images/boards")
    return [(board["name"], board["count"]) for board in answer.json()["boards"]]


def change(
    id: str, starred: bool | None, boards: Iterable[str] | None, note: str | None
) -> Operation[PictureRow]:
    changes = {"starred": starred, "note": note}
    changes["boards"] = None if boards is None else list(boards)
    told = {name: value for name, value in changes.items() if value is not None}
    answer = yield Call("PATCH", f"/images/{id}", {"json": told})
    return messages.row_of(answer.json())


def trash(id: str) -> Operation[PictureRow]:
    answer = yield Call("DELETE", f"/images/{id}")
    return messages.row_of(answer.json())


def restore(id: str) -> Operation[PictureRow]:
    answer = yield Call("POST", f"/images/{id}/restore")
    return messages.row_of(answer.json())


def erase(id: str) -> Operation[None]:
    yield Call("DELETE", f"/images/{id}", {"params": {"forever": "1"}})


def _file(path: str | Path) -> bytes:
    try:
        return read_file(Path(path).expanduser(), MOST_BYTES)
    except (OSError, ValueError, RuntimeError) as error:
        cause = getattr(error, "strerror", None) or error
        raise InvalidRequest(f"{path}: the file cannot be read: {cause}.") from None

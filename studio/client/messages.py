"""The API's JSON -> the studio's own records. No network here."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from PIL import Image

from studio.domain import events
from studio.domain.detailers import Detail
from studio.domain.errors import InvalidRequest, StudioError, named
from studio.domain.geometry import Box
from studio.domain.provenance import Provenance, WrittenMark
from studio.domain.request import GenerationRequest
from studio.reading.record import Ignored, Missing, Reading
from studio.store.cursor import cursor, values_of
from studio.store.finding import Filters, Page
from studio.store.pictures import PictureRow

if TYPE_CHECKING:
    from studio.provenance.verdict import Verdict

_OF_ROWS = (
    *("id", "width", "height", "seed", "prompt", "negative_prompt", "checkpoint", "task"),
    *("starred", "note", "job", "owner"),
)


def error_of(status: int, body: Any) -> StudioError:
    """The error that an answer of `status` 400 or above tells of, as it was raised there."""
    said = body if isinstance(body, dict) else {}
    field = said.get("field") or ""
    message = str(said.get("message", f"The studio answered {status}."))
    message, name = message.removeprefix(f"{field}: "), str(said.get("error", ""))
    error = named(name, message, field)
    is_other = type(error).__name__ != name and status < 500  # a guard's
    return InvalidRequest(message, field) if is_other else error


def event_of(
    body: dict[str, Any], jpeg: bytes = b"", pictures: tuple[events.Picture, ...] = ()
) -> events.Event:
    """One event. `jpeg` is that of a preview, `pictures` are those that `body` names."""
    match body["type"]:
        case "queued":
            return events.Queued(body["position"])
        case "loading":
            return events.Loading(body["stage"], body["fraction"])
        case "started":
            return events.Started()
        case "progress":
            return events.Progress(**{name: body[name] for name in body if name != "type"})
        case "preview":
            return events.Preview(body["step"], jpeg)
        case "finished":
            return events.Finished(pictures, body["elapsed_s"])
        case "cancelled":
            return events.Cancelled(pictures)
        case _:
            field = body.get("field") or ""
            message = body["message"].removeprefix(f"{field}: ")
            return events.Failed(body["error"], message, field)


def picture_of(
    body: dict[str, Any], request: GenerationRequest, place: int, file: bytes
) -> events.Picture:
    """A picture that is kept there; its `path` is the server's business. What else it was made
    with, and from, its `file` tells."""
    with Image.open(io.BytesIO(file)) as opened:
        noted, profile = dict(opened.info), opened.info.get("icc_profile")
        image = opened.convert("RGB")
    return events.Picture(
        image=image,
        seed=body["seed"],
        request=request,
        infotext=body["infotext"],
        place=place,
        partial=body["partial"],
        id=body["id"],
        warnings=tuple(body["warnings"]),
        outside_mask_max_difference=body["outside_mask_max_difference"],
        profile=profile,
        details=tuple(_detail(**each) for each in body["details"]),
        nsfw=body["nsfw"],
        provenance=Provenance.read(noted.get("studio-provenance", "")),
        origin=noted.get("studio-origin"),
        base=noted.get("studio-base"),
    )


def _detail(*, box: list[int], area: list[int], **said: Any) -> Detail:
    return Detail(box=Box(*box), area=Box(*area), **said)


def reading_of(body: dict[str, Any]) -> Reading:
    return Reading(
        source=body["source"],
        request=body["request"],
        understood=tuple(body["understood"]),
        ignored=tuple(Ignored(**each) for each in body["ignored"]),
        missing=tuple(Missing(**each) for each in body["missing"]),
    )


def verdict_of(body: dict[str, Any]) -> Verdict:
    """Where no mark was found, how nearly one was is not told."""
    from studio.provenance.credentials import Credentials  # these bring OpenCV
    from studio.provenance.verdict import Alike, Verdict
    from studio.provenance.watermark import Mark

    mark, written, credentials = body["mark"], body["written"], body["credentials"]
    return Verdict(
        size=(body["width"], body["height"]),
        mark=Mark(**mark | {"id": int(mark["id"], 16)}) if mark else Mark(None, 0.0, 0.0, 1.0),
        written=written and WrittenMark(**written),
        settings=body["settings"],
        pictures=tuple(Alike(**each) for each in body["pictures"]),
        unlooked=body["unlooked"],
        credentials=credentials
        and Credentials(
            **credentials | {name: tuple(credentials[name]) for name in ("terms", "problems")}
        ),
        term=body["digital_source_type"],
    )


def row_of(body: dict[str, Any]) -> PictureRow:
    """A picture of the library; where its file lies, and its hash, are not told."""
    return PictureRow(
        created_us=int(datetime.fromisoformat(body["created"]).timestamp()) * 10**6,
        path="",
        hash="",
        boards=tuple(body["boards"]),
        parents=tuple(body["parents"]),
        trashed_s=0.0 if body["trashed"] else None,
        **{name: body[name] for name in _OF_ROWS},
    )


def page_of(body: dict[str, Any]) -> Page:
    following = body["next"] and values_of(body["next"], int)[0]
    return Page([row_of(each) for each in body["images"]], following, body["total"])


def query_of(filters: Filters, limit: int, before: int | None) -> dict[str, Any]:
    """Raises `InvalidRequest` for what the API has no filter."""
    if filters.owner is not None:
        raise InvalidRequest("pictures are not filtered by owner over HTTP. Leave it out.", "owner")
    names = ("search", "starred", "board", "trashed", "checkpoint", "lora", "task", "seed")
    told = {name: getattr(filters, name) for name in names}
    told |= {"since": _time(filters.since_us), "until": _time(filters.until_us)}
    told |= {"limit": limit, "before": None if before is None else cursor(before)}
    return {name: value for name, value in told.items() if value not in (None, "")}


def _time(us: int | None) -> str | None:
    return None if us is None else datetime.fromtimestamp(us / 10**6, UTC).isoformat()


class ServerSent:
    """Takes a stream of server-sent events apart, line by line."""

    def __init__(self) -> None:
        self._id, self._data = 0, ""

    def line(self, line: str) -> tuple[int, str] | None:
        """(Number, data) of the event that this line ends, if it does."""
        name, _, value = line.partition(": ")
        if name == "id":
            self._id = int(value)
        elif name == "data":
            self._data = value
        elif not line and self._data:
            data, self._data = self._data, ""
            return self._id, data
        return None

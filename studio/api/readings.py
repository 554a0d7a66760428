"""Settings out of anything, over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from studio.api.answers import EVERYWHERE, refusals
from studio.api.bodies import PICTURE_BYTES
from studio.api.wire import PREFIX
from studio.domain.errors import InvalidRequest
from studio.reading import json_text
from studio.reading.reader import Reader

_MOST_JSON = 2 * json_text.MOST_CHARACTERS
_FILE = {"type": "string", "format": "binary"}
_REQUEST_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "image/*": {"schema": _FILE},
            "text/plain": {"schema": {"type": "string"}},
            "application/json": {
                "schema": {"type": "object", "properties": {"text": {"type": "string"}}}
            },
            "multipart/form-data": {"schema": {"type": "object", "properties": {"file": _FILE}}},
        },
    }
}


class IgnoredBody(BaseModel):
    """A setting that the request does not have as it stood there, and why."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    value: str
    why: str


class MissingBody(BaseModel):
    """A model, or with the kind "image" a picture, that is not here. `hash` are the first digits of
    its sha256, if they were told."""

    model_config = ConfigDict(from_attributes=True)

    kind: str
    name: str
    hash: str | None
    why: str


class ReadingBody(BaseModel):
    """What was read. `source` is whose settings they are: studio, automatic1111, comfyui, invokeai,
    fooocus, sdnext or novelai; "none" where there are none. `request` holds fields of a
    GenerationRequest, which can be queued as it is; `understood` are the settings in it by their
    names there."""

    model_config = ConfigDict(from_attributes=True)

    source: str
    request: dict[str, Any]
    understood: list[str]
    ignored: list[IgnoredBody]
    missing: list[MissingBody]


def build_read_router(reader: Reader) -> APIRouter:
    """The route `/studio/v1/read`."""
    router = APIRouter(prefix=PREFIX, tags=["studio"], responses=EVERYWHERE)

    @router.post("/read", openapi_extra=_REQUEST_BODY, responses=refusals(422))
    async def read(
        http: Request, checkpoint: Annotated[str | None, Query(max_length=1000)] = None
    ) -> ReadingBody:
        """The settings in a picture of any studio, in a text, or in a graph of ComfyUI: the file as
        the body or as the first of a form, or `{"text": …}`. Nothing of it is kept.

        `checkpoint` is the one that will draw if the file's own is not here: what does not go with
        it is left out of the request.
        """
        data = await _sent(http)
        if not data:
            raise InvalidRequest("The body is missing. Send a picture file or a text.")
        return ReadingBody.model_validate(await run_in_threadpool(reader.read, data, checkpoint))

    return router


async def _sent(http: Request) -> bytes | str:
    """The file, or the text."""
    media_type = http.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "multipart/form-data":
        async with http.form(max_files=1, max_fields=8, max_part_size=PICTURE_BYTES) as form:
            values = list(form.values())
            files = [value for value in values if isinstance(value, UploadFile)]
            return await files[0].read() if files else next(iter(values), "")
    body = await http.body()
    if media_type == "application/json":
        return await run_in_threadpool(_in_json, body)
    return body


def _in_json(body: bytes) -> bytes | str:
    """The text that it names; where it names none, it is what is to be read."""
    said = json_text.record(body.decode("utf-8", "replace")) if len(body) <= _MOST_JSON else None
    is_text = said is not None and said.keys() == {"text"} and isinstance(said["text"], str)
    return said["text"] if is_text else body

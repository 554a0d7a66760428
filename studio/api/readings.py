"""Settings out of anything, over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from studio.api.answers import EVERYWHERE, refusals
from studio.api.bodies import PICTURE_BYTES
from studio.api.caller import Account
from studio.api.wire import PREFIX
from studio.domain.errors import InvalidRequest
from studio.domain.request import GenerationRequest
from studio.reading import json_text
from studio.reading.finishing import WAITS
from studio.reading.reader import Reader
from studio.reading.record import Ignored, Reading

_CHANGED = "They, or the wildcards with them, have changed since: their words stay in the prompts."
_BESIDE = ("applied_styles", "prompt_template", "negative_prompt_template", "batch_place")
"""What a form has no field for."""
_MOST_JSON = 2 * json_text.MOST_CHARACTERS
_FILE = {"type": "string", "format": "binary"}
FILE_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "image/*": {"schema": _FILE},
            "multipart/form-data": {"schema": {"type": "object", "properties": {"file": _FILE}}},
        },
    }
}
"""A picture file, as the body or in a form."""
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


class FormBody(ReadingBody):
    """The same, and what a form has of it. `form`: the prompts as they were typed, with `styles`
    and undrawn wildcards, where these still come to the very words; of a batch the one picture.
    `awaits`: `task` and `controls` that lack a picture, as far as they are told."""

    form: dict[str, Any]
    awaits: dict[str, Any]


Typed = Callable[[GenerationRequest, str], GenerationRequest]
"""A request, and an account -> the request with its prompts as they were typed."""


def build_read_router(reader: Reader, typed: Typed) -> APIRouter:
    """The routes below `/studio/v1/read`."""
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
        data = await sent(http)
        if not data:
            raise InvalidRequest("The body is missing. Send a picture file or a text.")
        return ReadingBody.model_validate(await run_in_threadpool(reader.read, data, checkpoint))

    @router.post("/read/form", openapi_extra=_REQUEST_BODY, responses=refusals(422))
    async def read_for_a_form(
        http: Request,
        account: Account,
        checkpoint: Annotated[str | None, Query(max_length=1000)] = None,
    ) -> FormBody:
        """What `read` says, and what a form with one control for each setting has of it."""
        data = await sent(http)
        if not data:
            raise InvalidRequest("The body is missing. Send a picture file or a text.")
        return await run_in_threadpool(in_form, data, checkpoint, account)

    def in_form(data: bytes | str, checkpoint: str | None, account: str) -> FormBody:
        reading = reader.read(data, checkpoint)
        form, ignored = _form(reading, partial(typed, account=account))
        told = ReadingBody.model_validate(reading).model_dump()
        left = [each for each in reading.ignored if each.why != WAITS]  # `awaits` has it
        told["ignored"] = [IgnoredBody.model_validate(each) for each in (*left, *ignored)]
        return FormBody(**told, form=form, awaits=reading.awaits)

    return router


def _form(
    reading: Reading, typed: Callable[[GenerationRequest], GenerationRequest]
) -> tuple[dict[str, Any], list[Ignored]]:
    """The fields of a form, and what it cannot have."""
    request = GenerationRequest.parse(reading.request).alone()
    found, ignored = typed(request), []
    if request.applied_styles and not found.styles:
        names = ", ".join(request.applied_styles)
        ignored.append(Ignored("Styles", names, _CHANGED))
    form = found.model_dump(mode="json", include=set(reading.request) | {"styles"})
    return {name: form[name] for name in form if name not in _BESIDE}, ignored


async def sent(http: Request) -> bytes | str:
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

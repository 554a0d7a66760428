"""The forms of edits: fields and picture files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from starlette.datastructures import UploadFile

from studio.api.bodies import PICTURE_BYTES
from studio.domain.errors import InvalidRequest

MOST_FILES = 17
_MOST_FIELDS = 100
_MOST_JSON = 100_000
_RECORDS = frozenset(("controls", "hires", "loras", "refiner", "styles"))
"""Fields of ours that are no text: a form may hold them as JSON."""


@dataclass(frozen=True)
class Uploaded:
    """Files of a form: the pictures in their order, and the mask."""

    images: tuple[bytes, ...]
    mask: bytes | None


async def read_form(http: Request) -> tuple[dict[str, Any], Uploaded]:
    """The fields of the form in the body, and its files. Raises `InvalidRequest`."""
    if not http.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise InvalidRequest("An edit is a form with files: send it as multipart/form-data.")
    fields: dict[str, Any] = {}
    images: list[bytes] = []
    mask = None
    async with http.form(
        max_files=MOST_FILES, max_fields=_MOST_FIELDS, max_part_size=PICTURE_BYTES
    ) as form:
        for key, value in form.multi_items():
            name, bracket, _ = key.partition("[")
            if name == "image" and isinstance(value, UploadFile):
                images.append(await value.read())
            elif name == "mask" and isinstance(value, UploadFile):
                mask = await value.read()
            elif isinstance(value, UploadFile) or name in ("image", "mask"):
                raise InvalidRequest("send pictures, and nothing else, as files.", name)
            elif bracket:
                fields.setdefault(name, []).append(value)
            else:
                fields[name] = _value(name, value)
    return fields, Uploaded(tuple(images), mask)


def _value(name: str, text: str) -> Any:
    """A record or a list may be JSON; else it is the text that the command line takes as well."""
    if name in _RECORDS and text[:1] in ("[", "{") and len(text) <= _MOST_JSON:
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text  # which is refused in words
    return text

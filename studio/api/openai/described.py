"""The routes as `/openapi.json` describes them."""

from __future__ import annotations

from typing import Any

from studio.api.answers import Answers, refusals
from studio.api.openai.asked import Asked

_TEXT = {"type": "string"}
_FILE = {"type": "string", "format": "binary"}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": _TEXT,
                "type": _TEXT,
                "param": {"type": ["string", "null"]},
                "code": _TEXT,
            },
        }
    },
}
_MODEL = {
    "type": "object",
    "required": ["id", "object", "created", "owned_by"],
    "properties": {
        "id": _TEXT,
        "object": {"const": "model"},
        "created": {"type": "integer"},
        "owned_by": _TEXT,
    },
}


def _list(name: str, of: dict[str, Any], *beside: str) -> dict[str, Any]:
    return {
        "type": "object",
        "required": [name, *beside],
        "properties": {name: {"type": "array", "items": of}},
    }


def _sends(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


_STATUSES = (400, 401, 403, 404, 408, 413, 429, 500, 503, 507)
REFUSED: Answers = {
    status: _sends(answer["description"], _ERROR) for status, answer in refusals(*_STATUSES).items()
} | {"4XX": _sends("Not a request that can be answered; the message says why", _ERROR)}
"""From what stands before every route, and from the routes."""
MODELS: Answers = {200: _sends("The checkpoints", _list("data", _MODEL, "object"))}
MODEL: Answers = {200: _sends("The checkpoint", _MODEL)}
IMAGES: Answers = {
    200: {
        "description": "The pictures, or with stream events as they are drawn",
        "content": {
            "application/json": {"schema": _list("data", {"type": "object"}, "created")},
            "text/event-stream": {
                "example": 'event: image_generation.completed\ndata: {"b64_json": "iVBOR…"}\n\n'
            },
        },
    }
}


def _body(media_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {media_type: {"schema": schema}}}}


def _with_files() -> dict[str, Any]:
    schema = Asked.model_json_schema()
    files = {"image": {"type": "array", "items": _FILE}, "mask": _FILE}
    required = [*schema["required"], "image"]
    return schema | {"properties": files | schema["properties"], "required": required}


GENERATION_BODY = _body("application/json", Asked.model_json_schema())
EDIT_BODY = _body("multipart/form-data", _with_files())

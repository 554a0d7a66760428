"""The routes as `/openapi.json` describes them: what each field means stands in docs/api.md."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from studio.api.answers import Answers, refusals
from studio.api.sdapi import payloads

_TEXT = {"type": "string"}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": _TEXT, "detail": _TEXT, "body": _TEXT, "errors": _TEXT},
}
_STATUSES = (400, 401, 403, 404, 408, 413, 422, 429, 500, 503, 507)
REFUSED: Answers = {
    status: answer | {"content": {"application/json": {"schema": _ERROR}}}
    for status, answer in refusals(*_STATUSES).items()
}
_BODIES: dict[str, type[payloads.Payload] | None] = {
    "/sdapi/v1/txt2img": payloads.TextToImageBody,
    "/sdapi/v1/img2img": payloads.ImageToImageBody,
    "/sdapi/v1/extra-single-image": payloads.ExtrasBody,
    "/sdapi/v1/extra-batch-images": payloads.ExtrasBatchBody,
    "/sdapi/v1/png-info": payloads.PngInfoBody,
    "/sdapi/v1/interrogate": payloads.InterrogateBody,
    "/sdapi/v1/options": None,
    "/internal/progress": payloads.ProgressBody,
    "/controlnet/detect": payloads.DetectBody,
}
"""What the routes read themselves; None: an object of any fields."""


def describe_bodies(app: FastAPI) -> None:
    """Add them to the description of `app` once somebody asks for it."""
    without = app.openapi

    def described() -> dict[str, Any]:
        openapi = without()
        components = openapi["components"]["schemas"]
        for path, kind in _BODIES.items():
            operation = openapi["paths"][path]["post"]
            if "requestBody" not in operation:
                schema = _schema(kind) if kind else {"type": "object"}
                components.update(schema.pop("$defs", {}))
                content = {"application/json": {"schema": schema}}
                operation["requestBody"] = {"required": True, "content": content}
        return openapi

    app.openapi = described


def _schema(kind: type[payloads.Payload]) -> dict[str, Any]:
    return kind.model_json_schema(ref_template="#/components/schemas/{model}")

"""What of AUTOMATIC1111's API there is, for docs/api.md: read off the routes, the bodies and the
scripts themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from fastapi.routing import APIRoute
from pydantic import BaseModel

from studio.api.sdapi import always_on, payloads, scripts
from studio.api.sdapi.desk import Desk
from studio.api.sdapi.details import DetailerBody
from studio.api.sdapi.options import Options
from studio.api.sdapi.routes import build_sdapi_router
from studio.api.sdapi.units import UnitBody
from studio.api.supported import Supported

SAYS = """\
Point the program at the studio's address, `http://127.0.0.1:7860`; there is no flag to set. Pages
of another site are let in with `--cors-origin https://site.example`.

- Unknown fields are passed over; `null` is a field's default; every 200 has a body of JSON.
- Pictures come in as base64, bare or as a data-URI, and go out bare. Web addresses are refused: the
  studio fetches nothing for a caller.
- A call answers when all is drawn. A caller has one call at a time under way, its next ones wait;
  between callers the queue's turns are fair. A caller is a login or, without logins, an address.
- Every picture is kept in the library, with its settings inside. `info` has AUTOMATIC1111's keys.
- What was not done as it was asked stands in `info` under `comments`, a line for each: what is
  ignored by the tables below and asked for something, values that became the nearest there is,
  what the drawing warned of. Of the extras it stands in `html_info`.
- A refusal is `{"error", "detail", "body", "errors"}`, with cause and next step. What would give
  another picture than was asked for is refused: an unknown checkpoint, LoRA, style or sampler."""

_HOW = {"Ignored": "ignored", "Without": "ignored", "Kept": "ignored", "Refused": "refused"}
"""First word of what is said -> how it is treated; else "yes"."""


def _row(name: str, says: str) -> Supported:
    return Supported(name, _HOW.get(says.split()[0].rstrip(":.,"), "yes"), says)


def _routes() -> Iterator[Supported]:
    """Described without a studio behind them."""
    nobodys: dict[str, Any] = dict.fromkeys(field.name for field in fields(Desk))
    for route in build_sdapi_router(Desk(**nobodys), {}).routes:
        if isinstance(route, APIRoute) and "{" not in route.path:
            [method] = route.methods
            yield _row(f"{method} {route.path}", " ".join(route.description.split()))


def _fields(model: type[BaseModel], but: type[BaseModel] = BaseModel) -> tuple[Supported, ...]:
    """With their defaults."""
    return tuple(
        _row(f"{name} = {field.get_default()!r}", field.description)
        for name, field in model.model_fields.items()
        if name not in but.model_fields
    )


def _scripts() -> Iterator[Supported]:
    for script in scripts.SCRIPTS.values():
        where = "" if script.text_to_image else "img2img alone. "
        yield _row(script.title, f"{where}{script.says}")


def tables() -> dict[str, tuple[Supported, ...]]:
    """Title -> rows."""
    return {
        "Paths": tuple(_routes()),
        "txt2img and img2img": _fields(payloads.Drawing),
        "txt2img alone": _fields(payloads.TextToImageBody, payloads.Drawing),
        "img2img alone": _fields(payloads.ImageToImageBody, payloads.Drawing),
        "Scripts that always run: `alwayson_scripts`": tuple(
            _row(script.title, script.says) for script in always_on.SCRIPTS.values()
        ),
        "Scripts: `script_name`": tuple(_scripts()),
        "A ControlNet unit": _fields(UnitBody),
        "ADetailer's arguments": _fields(DetailerBody),
        "Extras": _fields(payloads.Extras),
        "Options": _fields(Options),
    }

"""Where a page of a list ends, as text that says nothing to anybody else."""

from __future__ import annotations

import base64
import json
from typing import Any

from studio.domain.errors import InvalidRequest


def cursor(*values: str | float) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def values_of(text: str, *kinds: type) -> list[Any]:
    """What `cursor` was given, one value of each of `kinds`. Raises `InvalidRequest`."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        json.dumps(values, ensure_ascii=False).encode()  # half a character fits no database
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, list) or [type(value) for value in values] != list(kinds):
        raise InvalidRequest(
            "this is not a cursor that this list gave as `next`. Leave it out to begin at the "
            "beginning.",
            "before",
        )
    return values

"""JSON of unknown origin."""

from __future__ import annotations

import json
from typing import Any

MOST_CHARACTERS = 4 * 2**20
MOST_MARKS = 500_000
"""Braces, brackets, commas and colons; each thing in JSON has one, and costs a hundred bytes."""


def loads(text: object) -> Any:
    """What `text` stands for; None where it is no text, no JSON, nested too deeply or too much."""
    if not isinstance(text, str) or len(text) > MOST_CHARACTERS:
        return None
    if sum(map(text.count, "{[,:")) > MOST_MARKS:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def record(text: object) -> dict[str, Any] | None:
    """The same where it is an object, else None."""
    value = loads(text)
    return value if isinstance(value, dict) else None


def dumps(value: Any) -> str:
    """`value`, which was read from JSON, for people; cut off where it is long."""
    try:
        return json.dumps(value, ensure_ascii=False)[:2000]
    except (ValueError, RecursionError):
        return "…"

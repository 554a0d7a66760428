"""A record written as text: pairs such as "factor=2,strength=0.5"."""

from __future__ import annotations

import re

from studio.domain.errors import shorten


def as_fields(text: str, example: str) -> dict[str, str]:
    """Name -> value of the pairs in `text`; a comma is one of the value unless a name follows it.
    Raises ValueError, with the `example`, for what is no pair and for a name that stands twice."""
    fields: dict[str, str] = {}
    for pair in re.split(r",(?=\s*\w+\s*=)", text):
        name, sign, value = pair.partition("=")
        name = name.strip()
        if not sign or not name or name in fields:
            raise ValueError(
                f"{shorten(pair)} is not understood. Write pairs, each once, as in {example}."
            )
        fields[name] = value.strip()
    return fields

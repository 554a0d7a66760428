"""What of a foreign API is supported, as `docs/api.md` tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Supported:
    """A route or a field, by its name there; `how` it is treated, and what that means here."""

    name: str
    how: Literal["yes", "partly", "ignored", "refused"]
    says: str


def table(title: str, rows: tuple[Supported, ...]) -> str:
    """Markdown: a heading, and a row for each."""
    lines = [f"### {title}", "", "| | supported | |", "|---|---|---|"]
    lines += [f"| `{row.name}` | {row.how} | {_cell(row.says)} |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")

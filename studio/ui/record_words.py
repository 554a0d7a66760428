"""HTML for the fields of a record that the page shows several times, as ControlNet units and
detailers: titles, help and ranges are those of their declarations."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel

from studio.ui.templates import icon, text


@cache
def _properties(record: type[BaseModel]) -> dict[str, Any]:
    return record.model_json_schema()["properties"]


def title(record: type[BaseModel], name: str) -> str:
    return text(record.model_fields[name].title)


def help_of(record: type[BaseModel], name: str) -> str:
    return text(record.model_fields[name].description)


def choices(record: type[BaseModel], name: str) -> list[str]:
    """What a field of a few words may be."""
    return _properties(record)[name]["enum"]


def bounds(record: type[BaseModel], name: str) -> tuple[str, str, str]:
    """(minimum, maximum, step). What has no minimum begins at its step: a unit that weighs nothing
    is off."""
    declared = _properties(record)[name]
    known = declared | next((one for one in declared.get("anyOf", ()) if "maximum" in one), {})
    step = known["step"]
    return f"{known.get('minimum', step):g}", f"{known['maximum']:g}", f"{step:g}"


def number(record: type[BaseModel], name: str, *limits: str) -> str:
    """A slider with its box; `limits` are minimum, maximum and step where the declaration does not
    say them."""
    minimum, maximum, step = limits or bounds(record, name)
    within = f'min="{minimum}" max="{maximum}" step="{step}"'
    label = title(record, name)
    return (
        f'<div class="unit-number" data-number="{name}" title="{help_of(record, name)}">'
        f"<span>{label}</span>"
        f'<input type="range" {within} aria-label="{label} slider">'
        f'<input type="number" {within} aria-label="{label}"></div>'
    )


def menu(record: type[BaseModel], name: str, labels: Mapping[str, str]) -> str:
    """A choice of a few, value -> label."""
    options = "".join(
        f'<option value="{text(value)}">{text(label)}</option>' for value, label in labels.items()
    )
    return (
        f'<label class="unit-menu" data-menu="{name}" title="{help_of(record, name)}">'
        f"<span>{title(record, name)}</span><select>{options}</select></label>"
    )


def act(name: str, label: str, symbol: str, tip: str = "") -> str:
    """A button that does something with the record."""
    return (
        f'<button type="button" class="plain framed" data-act="{name}" '
        f'title="{text(tip or label)}">{icon(symbol)}<span>{text(label)}</span></button>'
    )

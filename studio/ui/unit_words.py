"""Words of the ControlNet units' HTML: titles, help and ranges are those of `ControlInput`."""

from __future__ import annotations

from studio.domain.control import CONTROL_MODES, ControlInput
from studio.domain.preprocessor_spec import CONTROL_TYPES
from studio.domain.tasks import RESIZE_MODES
from studio.ui.templates import icon, text, word

_SCHEMA = ControlInput.model_json_schema()["properties"]
_CHOICES = {
    "preprocessor": {},  # a script knows which there are
    "union_type": {"": "Choose", **{name: one.title for name, one in CONTROL_TYPES.items()}},
    "mode": CONTROL_MODES,
    "resize_mode": {name: RESIZE_MODES[name] for name in _SCHEMA["resize_mode"]["enum"]},
}


@word
def unit_title(name: str) -> str:
    return text(ControlInput.model_fields[name].title)


@word
def unit_help(name: str) -> str:
    return text(ControlInput.model_fields[name].description)


@word
def unit_number(name: str, *bounds: str) -> str:
    """A slider with its box; `bounds` are minimum, maximum and step where the declaration does not
    say them."""
    minimum, maximum, step = bounds or _bounds(name)
    limits = f'min="{minimum}" max="{maximum}" step="{step}"'
    title = unit_title(name)
    return (
        f'<div class="unit-number" data-number="{name}" title="{unit_help(name)}">'
        f"<span>{title}</span>"
        f'<input type="range" {limits} aria-label="{title} slider">'
        f'<input type="number" {limits} aria-label="{title}"></div>'
    )


def _bounds(name: str) -> tuple[str, str, str]:
    """(minimum, maximum, step). A weight begins at its step: a unit that weighs nothing is off."""
    known = _SCHEMA[name]
    step = known["step"]
    return f"{known.get('minimum', step):g}", f"{known['maximum']:g}", f"{step:g}"


@word
def unit_menu(name: str) -> str:
    options = "".join(
        f'<option value="{value}">{text(label)}</option>' for value, label in _CHOICES[name].items()
    )
    return (
        f'<label class="unit-menu" data-menu="{name}" title="{unit_help(name)}">'
        f"<span>{unit_title(name)}</span><select>{options}</select></label>"
    )


@word
def unit_act(name: str, label: str, symbol: str, tip: str = "") -> str:
    """A button that does something with the unit."""
    return (
        f'<button type="button" class="plain framed" data-act="{name}" '
        f'title="{text(tip or label)}">{icon(symbol)}<span>{text(label)}</span></button>'
    )

"""Words of the ControlNet units' HTML."""

from __future__ import annotations

from studio.domain.control import CONTROL_MODES, ControlInput
from studio.domain.preprocessor_spec import CONTROL_TYPES
from studio.domain.tasks import RESIZE_MODES
from studio.ui import record_words
from studio.ui.templates import word

_CHOICES = {
    "preprocessor": {},  # a script knows which there are
    "union_type": {"": "Choose", **{name: one.title for name, one in CONTROL_TYPES.items()}},
    "mode": CONTROL_MODES,
    "resize_mode": {
        name: RESIZE_MODES[name] for name in record_words.choices(ControlInput, "resize_mode")
    },
}


@word
def unit_title(name: str) -> str:
    return record_words.title(ControlInput, name)


@word
def unit_help(name: str) -> str:
    return record_words.help_of(ControlInput, name)


@word
def unit_number(name: str, *bounds: str) -> str:
    """A slider with its box; `bounds` are minimum, maximum and step where the declaration does not
    say them."""
    return record_words.number(ControlInput, name, *bounds)


@word
def unit_menu(name: str) -> str:
    return record_words.menu(ControlInput, name, _CHOICES[name])


@word
def unit_act(name: str, label: str, symbol: str, tip: str = "") -> str:
    """A button that does something with the unit."""
    return record_words.act(name, label, symbol, tip)

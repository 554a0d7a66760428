"""A ControlNet unit as the extension of AUTOMATIC1111 writes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studio.domain.control import CONTROL_MODES, ControlInput
from studio.domain.errors import InvalidRequest
from studio.domain.preprocessor_spec import RESOLUTION_LEAST, RESOLUTION_MOST
from studio.domain.preprocessors import find
from studio.reading.draft import Draft, as_number

_RESIZE_MODES = {
    "just resize": "just_resize",
    "crop and resize": "crop_and_resize",
    "resize and fill": "resize_and_fill",
    "scale to fit (inner fit)": "crop_and_resize",
    "envelope (outer fit)": "resize_and_fill",
}
_RANGES = {"Weight": "scale", "Guidance Start": "start", "Guidance End": "end"}
_MODES = {label.casefold(): name for name, label in CONTROL_MODES.items()}
_KNOWN = {
    *("Module", "Model", "Resize Mode", "Control Mode", "Processor Res", "Threshold A"),
    *("Threshold B", "Pixel Perfect", *_RANGES),
}


def read(label: str, said: Mapping[str, str], draft: Draft) -> None:
    """Add the unit that `said` describes to those of `draft`; its picture is never in it."""
    said = {name.title() if name.title() in _KNOWN else name: v for name, v in said.items()}
    model = draft.model(label, "controlnet", said.get("Model", ""))
    if model is None:
        return
    unit: dict[str, Any] = {"controlnet": model}
    for name, field in _RANGES.items():
        if name in said:
            _in_range(label, said[name], field, unit, draft)
    if unit.get("start", 0.0) >= unit.get("end", 1.0):
        draft.ignore(label, f"{unit.get('start')}…{unit.get('end')}", "It ends before it starts.")
        unit.pop("start", None), unit.pop("end", None)
    for name, field, names in (
        ("Resize Mode", "resize_mode", _RESIZE_MODES),
        ("Control Mode", "mode", _MODES),
    ):
        own = names.get(said.get(name, "").casefold())
        if own:
            unit[field] = own
        elif name in said:
            draft.ignore(f"{label} {name}", said[name], "There is no such mode here.")
    _preprocessor(label, said, unit, draft)
    for name, value in said.items():
        if name not in _KNOWN:
            draft.ignore(f"{label} {name}", value, "A unit has no such setting here.")
    draft.unit(unit, label)


def _in_range(label: str, text: str, field: str, unit: dict[str, Any], draft: Draft) -> None:
    number = as_number(text)
    limits = {type(one).__name__: one for one in ControlInput.model_fields[field].metadata}
    high = limits["Le"].le
    low = limits["Ge"].ge if "Ge" in limits else limits["Gt"].gt
    if number is None or not low <= number <= high or (number == low and "Gt" in limits):
        draft.ignore(f"{label} {field}", text, f"Here it is a number up to {high:g}.")
    else:
        unit[field] = float(number)


def _preprocessor(label: str, said: Mapping[str, str], unit: dict[str, Any], draft: Draft) -> None:
    name = said.get("Module", "none")
    try:
        spec = find(name)
    except InvalidRequest:
        draft.ignore(f"{label} Module", name, "There is no such preprocessor here.")
        return
    unit["preprocessor"] = spec.name
    for setting, of in zip(spec.settings, ("Threshold A", "Threshold B"), strict=False):
        number = as_number(said.get(of, ""))
        if number is None or number == -1:
            continue  # the preprocessor's own
        try:
            unit.setdefault("settings", {})[setting.name] = setting.checked(number)
        except InvalidRequest as error:
            draft.ignore(f"{label} {of}", said[of], error.message)
    resolution = as_number(said.get("Processor Res", ""))
    if said.get("Pixel Perfect") != "True" and resolution is not None and resolution > 0:
        unit["resolution"] = min(max(round(resolution), RESOLUTION_LEAST), RESOLUTION_MOST)

"""From a draft to a reading whose request can be submitted: what stands against that is taken out,
and told of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from studio.domain.errors import StudioError
from studio.domain.request import GenerationRequest
from studio.reading.draft import Draft
from studio.reading.record import Reading

Check = Callable[[GenerationRequest], object]
"""Raises `StudioError` where a request cannot be settled, its field being what stands against it.
The pictures of the request are there."""

WAITS = "It waits for its picture, which is not in the file: set it once that is chosen."
"""Why a setting of a task is ignored that `Reading.awaits` has."""
_MOST_TRIES = 64
_TOGETHER = ("batch_place", "noise_schedule", "scheduler", "steps")
"""What is taken back, in this order, where fields do not go together."""
_NAMES = ("name", "controlnet", "detector")
_PICTURES = {
    "image_to_image": ("image",),
    "inpaint": ("image", "mask"),
    "outpaint": ("image",),
    "details": ("image",),
    "upscale": ("image",),
}


def finished(draft: Draft, source: str, check: Check, checkpoint: str | None) -> Reading:
    """`checkpoint` draws where the request names none; None: the first there is."""
    _place_task(draft)
    _place_units(draft)
    for _ in range(_MOST_TRIES):
        objection = _objection(draft.request, check, checkpoint)
        if objection is None:
            break
        field, why, is_well_formed = objection
        if field.endswith("prompt") and is_well_formed:
            draft.ignore(draft.labels.get(field, field), "", f"It is as it was, but: {why}")
            break  # words are not thrown away
        _take_out(draft, field, why)
    else:
        draft.request.clear()
    return draft.reading(source)


def _place_task(draft: Draft) -> None:
    """The task is part of the request where its pictures are here."""
    kind = draft.task.get("kind")
    wanted = _PICTURES.get(kind, ())
    lacking = [name for name in wanted if name not in draft.task]
    for name in lacking:
        what = "the picture it began with" if name == "image" else "the mask"
        why = f"The file does not hold {what}. Choose it, then the task can be restored."
        draft.lacks("image", draft.names.get(name, name), draft.hashes.get(name), why)
    _tell_of_sketch(draft)
    if not wanted:
        return
    if not lacking:
        draft.request["task"], draft.task = draft.task, {}
    for field, value in draft.task.items():
        if f"task.{field}" in draft.labels and field not in wanted:
            _tell(draft, f"task.{field}", value, WAITS)


def _tell_of_sketch(draft: Draft) -> None:
    """Without it the task can be restored all the same."""
    if name := draft.names.get("sketch"):
        why = "The file does not hold the colours that were sketched over the picture."
        draft.lacks("image", name, draft.hashes.get("sketch"), why)


def _place_units(draft: Draft) -> None:
    """A unit is part of the request where its picture is here, or can be the task's."""
    placed, waiting = [], []
    for unit in draft.units:
        has_picture = "image" in unit or "task" in draft.request
        (placed if has_picture else waiting).append(unit)
    if placed:
        draft.request["controls"] = placed
    draft.units = waiting
    for unit in waiting:
        told = ",".join(f"{name}={value}" for name, value in _flat(unit).items())
        why = f"The file does not hold the picture of a ControlNet unit. Add one to: {told}."
        draft.lacks("image", f"of {unit['controlnet']}", None, why)
    if waiting and not placed:
        draft.understood = [name for name in draft.understood if name not in draft.of_units]


def _flat(unit: dict[str, Any]) -> dict[str, Any]:
    own = {name: value for name, value in unit.items() if name != "settings"}
    return own | unit.get("settings", {})


def _objection(
    request: dict[str, Any], check: Check, checkpoint: str | None
) -> tuple[str, str, bool] | None:
    """(Field, why) of what stands against `request`, and whether it is well-formed otherwise."""
    named = {"checkpoint": checkpoint} if checkpoint else {}
    try:
        check(GenerationRequest.model_validate(named | request))
    except ValidationError as error:
        item = error.errors(include_url=False, include_input=False)[0]
        place = [str(part) for part in item["loc"] if str(part) not in _PICTURES]
        return ".".join(place), item["msg"].removeprefix("Value error, "), False
    except StudioError as error:
        if error.field.partition(".")[0] in request:
            return error.field, error.message, True
    return None  # or what stands against it was not in the file


def _take_out(draft: Draft, field: str, why: str) -> None:
    """`field` of the request; of the request as a whole, or of a part, how it samples first."""
    *parts, last = field.split(".") if field else [""]
    within: Any = draft.request
    for part in parts:
        within = _entry(within, part)
    inner = _entry(within, last) if last else within
    if isinstance(inner, dict):
        prefix = f"{field}." if field else ""
        for name in _TOGETHER:
            if name in inner:
                return _tell(draft, f"{prefix}{name}", inner.pop(name), why)
    if isinstance(within, dict) and last in within:
        return _tell(draft, field, within.pop(last), why)
    if isinstance(within, list) and inner is not None:
        _tell(draft, field, within.pop(int(last)), why)
        if not within and draft.request.get("task", {}).get("kind") == "details":
            _tell(draft, "task", "details", "Without a detailer there is nothing to draw.")
            draft.request.pop("task")
        return None
    if parts:
        return _take_out(draft, ".".join(parts), why)
    draft.request.clear()
    return _tell(draft, field or "request", "", why)


def _entry(within: Any, name: str) -> Any:
    if isinstance(within, dict):
        return within.get(name)
    if isinstance(within, list) and name.isdecimal() and int(name) < len(within):
        return within[int(name)]
    return None


def _tell(draft: Draft, field: str, value: object, why: str) -> None:
    label = draft.labels.get(field, field)
    draft.understood = [name for name in draft.understood if name != label]
    if isinstance(value, dict):
        value = next(filter(None, map(value.get, _NAMES)), "")
    draft.ignore(label, value if isinstance(value, str) else f"{value}", why)

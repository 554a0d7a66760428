"""Axes of a grid: what differs from one picture to the next, in AUTOMATIC1111's names.

Values are written with commas between them; one with a comma in it stands in double quotes. Numbers
may be ranges: 1-5, 1-5 (+2) by steps of 2, 10-4 (-3), 1-10 [4] four of them, evenly spread.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from studio.domain.errors import InvalidRequest, shorten
from studio.domain.noise_schedules import NOISE_SCHEDULES
from studio.domain.request import GenerationRequest, declaration
from studio.domain.scheduler_names import resolve
from studio.domain.seamless import TILINGS

MOST_VALUES = 200
"""Of one axis: as many as one account may have waiting."""
_MOST_ORDERED = 5
"""Words whose order is tried: of five there are 120."""

_NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+))"
_RANGE = re.compile(rf"{_NUMBER}\s*-\s*{_NUMBER}(?:\s*\(\s*{_NUMBER}\s*\)|\s*\[\s*(\d+)\s*\])?")

Change = dict[str, Any]
"""Fields of a request, "hires.steps" being one of a record in it."""


@dataclass(frozen=True)
class Axis:
    """`field`: the field of the request that differs, as in `declaration`; "" for one that makes
    something else of the prompt. `costly`: it is changed last, as it takes long."""

    title: str
    field: str = ""
    costly: bool = False

    @property
    def kind(self) -> str:
        """ "integer", "number" or "text": what its values are."""
        if not self.field:
            return "text"
        default = _declared(self.field)
        if default.minimum is None and default.maximum is None:
            return "text"
        whole = bool(default.step) and float(default.step).is_integer()
        return "integer" if whole and not isinstance(default.default, float) else "number"


def _declared(field: str) -> Any:
    kind, _, inner = field.partition("@")
    return declaration(kind, inner) if inner else declaration(field)


AXES: dict[str, Axis] = {
    axis.title: axis
    for axis in (
        Axis("Seed", "seed"),
        Axis("Var. seed", "variation_seed"),
        Axis("Var. strength", "variation_strength"),
        Axis("Steps", "steps"),
        Axis("Hires steps", "hires.steps"),
        Axis("CFG Scale", "guidance_scale"),
        Axis("CFG Rescale", "guidance_rescale"),
        Axis("Prompt S/R"),
        Axis("Prompt order"),
        Axis("Sampler", "scheduler"),
        Axis("Hires sampler", "hires.scheduler"),
        Axis("Checkpoint name", "checkpoint", costly=True),
        Axis("Sigma Churn", "s_churn"),
        Axis("Sigma min", "s_tmin"),
        Axis("Sigma max", "s_tmax"),
        Axis("Sigma noise", "s_noise"),
        Axis("Schedule type", "noise_schedule"),
        Axis("Eta", "eta"),
        Axis("Clip skip", "clip_skip"),
        Axis("Denoising", "strength@image_to_image"),
        Axis("Hires upscaler", "hires.upscaler"),
        Axis("Hires denoising", "hires.strength"),
        Axis("VAE", "vae", costly=True),
        Axis("Styles", "styles"),
        Axis("Refiner checkpoint", "refiner.checkpoint", costly=True),
        Axis("Refiner switch at", "refiner.switch_at"),
        Axis("Size"),
        Axis("Tiling", "tiling"),
    )
}
"""By their titles."""


def values(axis: Axis, text: str) -> list[str]:
    """Those that `text` lists, ranges written out. Raises `InvalidRequest`."""
    try:
        found = next(csv.reader(io.StringIO(text.replace("\n", ",")), skipinitialspace=True), [])
    except csv.Error as error:
        raise InvalidRequest(f"the values of {axis.title} cannot be read: {error}.") from None
    found = [value.strip() for value in found]
    if axis.title not in ("Prompt S/R", "VAE"):
        found = [value for value in found if value]
    if axis.kind != "text":
        found = [number for value in found for number in _numbers(axis, value)]
    if axis.title == "Prompt order":
        found = _orders(found)
    if not found:
        raise InvalidRequest(f"{axis.title} has no values. Write some, with commas between them.")
    if len(found) > MOST_VALUES:
        raise InvalidRequest(
            f"{axis.title} has {len(found):,} values; {MOST_VALUES} are the most, as so many jobs "
            "may wait at once. Take a smaller range, or a larger step, as in 1-100 (+10)."
        )
    return found


def _numbers(axis: Axis, value: str) -> list[str]:
    match = _RANGE.fullmatch(value)
    if match is None:
        try:
            float(value)
        except ValueError:
            raise InvalidRequest(
                f"{shorten(value)} is no value for {axis.title}. Write numbers, or ranges as in "
                "1-5, 1-5 (+2) or 1-10 [4]."
            ) from None
        return [value]
    first, last = float(match[1]), float(match[2])
    whole = axis.kind == "integer"
    if match[4]:
        count = int(match[4])
        if not 1 <= count <= MOST_VALUES:
            raise InvalidRequest(
                f"{shorten(value)}: so many values cannot be drawn; {MOST_VALUES} are the most, as "
                "so many jobs may wait at once."
            )
        gaps = max(1, count - 1)
        spread = [first + (last - first) * place / gaps for place in range(count)]
    else:
        step = float(match[3]) if match[3] else (1.0 if last >= first else -1.0)
        if step == 0 or (last - first) * step < 0:
            raise InvalidRequest(
                f"{shorten(value)}: {last:g} is not reached from {first:g} by steps of {step:g}."
            )
        count = int((last - first) / step + 1e-9) + 1
        if count > MOST_VALUES:
            raise InvalidRequest(
                f"{shorten(value)} are {count:,} values; {MOST_VALUES} are the most, as so many "
                "jobs may wait at once. Take a larger step, as in 1-100 (+10)."
            )
        spread = [first + step * place for place in range(count)]
    return [str(round(number)) if whole else f"{round(number, 6):g}" for number in spread]


def _orders(words: list[str]) -> list[str]:
    if len(words) > _MOST_ORDERED:
        raise InvalidRequest(
            f"{len(words)} words have too many orders. Take {_MOST_ORDERED} at most."
        )
    return [", ".join(each) for each in permutations(words)]


def applied(
    request: GenerationRequest, axis: Axis, value: str, all_values: Sequence[str]
) -> GenerationRequest:
    """`request` at `value` of `axis`. Raises `InvalidRequest` for what it cannot be."""
    special = _SPECIAL.get(axis.title)
    change = special(request, value, all_values) if special else {axis.field: _meant(axis, value)}
    return changed(request, change)


def changed(request: GenerationRequest, change: Change) -> GenerationRequest:
    """`request` with other fields. Raises `InvalidRequest`."""
    fields = request.model_dump(mode="json")
    for name, value in change.items():
        part, _, inner = name.partition(".")
        kind = name.partition("@")
        if kind[1]:
            fields["task"][kind[0]] = value
        elif inner:
            fields[part] = (fields[part] or {}) | {inner: value}
        else:
            fields[part] = value
    return GenerationRequest.parse(fields)


def _meant(axis: Axis, value: str) -> Any:
    """`value` as the request takes it."""
    if axis.title == "Styles":
        return [name.strip() for name in value.split("+") if name.strip()]
    if axis.title == "VAE" and value.casefold() in ("", "automatic", "none"):
        return None
    if axis.field in ("scheduler", "hires.scheduler"):
        return resolve(value)[0]
    if axis.field in _MENUS:
        labels = {label.casefold(): own for own, label in _MENUS[axis.field].items()}
        return labels.get(value.casefold(), value)
    return float(value) if axis.kind != "text" else value


_MENUS = {"noise_schedule": NOISE_SCHEDULES, "tiling": TILINGS}


def _searched(request: GenerationRequest, value: str, all_values: Sequence[str]) -> Change:
    """The first value is what is searched for, and stays as it is at its own place."""
    wanted = all_values[0]
    texts = {name: getattr(request, name) for name in ("prompt", "negative_prompt")}
    if not wanted or not any(wanted in text for text in texts.values()):
        raise InvalidRequest(
            f"Prompt S/R: {shorten(wanted)} stands in neither prompt. The first value is the text "
            "that the others take the place of."
        )
    return {name: text.replace(wanted, value) for name, text in texts.items()}


def _ordered(request: GenerationRequest, value: str, all_values: Sequence[str]) -> Change:
    """The words stand in the prompt already, each once; they change places."""
    words, prompt = all_values[0].split(", "), request.prompt
    places = sorted((prompt.find(word), word) for word in words)
    if places[0][0] < 0:
        raise InvalidRequest(f"Prompt order: {shorten(places[0][1])} does not stand in the prompt.")
    pieces, end = [], 0
    for (at, word), other in zip(places, value.split(", "), strict=True):
        pieces += [prompt[end:at], other]
        end = at + len(word)
    return {"prompt": "".join((*pieces, prompt[end:]))}


def _sized(request: GenerationRequest, value: str, all_values: Sequence[str]) -> Change:
    match = re.fullmatch(r"(\d{2,5})\s*[x×*]\s*(\d{2,5})", value, re.IGNORECASE)
    if match is None:
        raise InvalidRequest(f"Size: {shorten(value)} is no size. Write it as 512x768.")
    return {"width": int(match[1]), "height": int(match[2])}


_SPECIAL: dict[str, Callable[[GenerationRequest, str, Sequence[str]], Change]] = {
    "Prompt S/R": _searched,
    "Prompt order": _ordered,
    "Size": _sized,
}

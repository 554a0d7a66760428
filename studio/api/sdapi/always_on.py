"""`alwayson_scripts`: what always runs there, and what becomes of its arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from studio.api.sdapi.desk import Desk
from studio.api.sdapi.details import Wanted, wanted
from studio.api.sdapi.notes import IGNORED, Notes
from studio.api.sdapi.payloads import Drawing
from studio.api.sdapi.units import units
from studio.domain.errors import InvalidRequest, refused, shorten

Body = TypeVar("Body", bound=Drawing)


@dataclass(frozen=True)
class AlwaysOn:
    """One of them. `takes`: the body's fields that its arguments stand for, "" for one that is
    none, by their places; `ignores`: what its arguments are called that are not acted on, after the
    first, which switches it on, with their defaults; `says` stands in docs/api.md."""

    title: str
    says: str
    takes: tuple[str, ...] = ()
    ignores: tuple[tuple[str, float], ...] = ()


SCRIPTS = {
    each.title.casefold(): each
    for each in (
        AlwaysOn("ControlNet", "Our units, by the table of units below."),
        AlwaysOn("ADetailer", "Our detailers, by the table below."),
        AlwaysOn(
            "Soft inpainting",
            "On or off: gray parts of the mask are let go at their own steps. What its other "
            "arguments ask for, but for their defaults, is passed over, and said so.",
            ignores=(
                ("Schedule bias", 1),
                ("Preservation strength", 0.5),
                ("Transition contrast boost", 4),
                ("Mask influence", 0),
                ("Difference threshold", 0.5),
                ("Difference contrast", 2),
            ),
        ),
        AlwaysOn("Sampler", "As the fields.", ("steps", "sampler_name", "scheduler")),
        AlwaysOn(
            "Seed",
            "As the fields; those after the second count where that is true.",
            (
                *("seed", "", "subseed", "subseed_strength"),
                *("seed_resize_from_w", "seed_resize_from_h"),
            ),
        ),
        AlwaysOn("Refiner", "As the fields.", ("", "refiner_checkpoint", "refiner_switch_at")),
        AlwaysOn("Extra options", "Without effect: these are options, below."),
        AlwaysOn("Hypertile", "Ignored: steps are drawn in one piece."),
    )
}
"""By their titles in small letters."""


@dataclass(frozen=True)
class Taken:
    """`soft`: soft inpainting; `controls`: units, of which those `with_map`, counted from 1, send
    their maps along; `details`: what ADetailer is to do;
    `notes`: of the call, so far."""

    soft: bool
    controls: list[dict[str, Any]]
    with_map: list[int]
    details: Wanted
    notes: Notes


def taken(body: Body, selectable: frozenset[str], desk: Desk) -> tuple[Body, Taken]:
    """`body` with what its always-on scripts say. Raises `InvalidRequest` for one that is not
    here."""
    notes = Notes()
    notes.passed_over(body)
    changes: dict[str, Any] = {}
    args = {}
    for title, said in body.alwayson_scripts.items():
        name = title.strip().casefold()
        if name in selectable:
            raise InvalidRequest(
                f"{shorten(title)} cannot have an id in the always on scripts: it is a selectable "
                "script. Name it with script_name.",
                "alwayson_scripts",
            )
        if name not in SCRIPTS:
            raise InvalidRequest(
                f"always on script {shorten(title)} not found. There are: "
                + ", ".join(each.title for each in SCRIPTS.values()),
                "alwayson_scripts",
            )
        args[name] = _args(said)
    for name, values in args.items():
        _tell(SCRIPTS[name], values, notes)
        if name == "seed" and not all(values[1:2]):
            values = values[:1]  # its extras are off
        if name != "refiner" or (values and values[0]):
            fields = zip(SCRIPTS[name].takes, values, strict=False)
            changes |= {field: value for field, value in fields if field and value is not None}
    soft = _is_on(args.get("soft inpainting", []))
    details = wanted(args.get("adetailer", []), desk, notes)
    controls = units(args.get("controlnet", []), desk, notes)
    return _changed(body, changes), Taken(soft, *controls, details, notes)


def _args(said: Any) -> list[Any]:
    args = said.get("args") if isinstance(said, Mapping) else said
    if isinstance(args, dict):
        return [args]
    return args if isinstance(args, list) else []


def _tell(script: AlwaysOn, args: list[Any], notes: Notes) -> None:
    """What of `args` is not acted on."""
    if not _is_on(args):
        return
    why = script.says.removeprefix(IGNORED)
    if why != script.says:
        notes.say(f"{script.title} was passed over: {why}")
    named = args[0] if isinstance(args[0], dict) else {}
    places = [*args[1:], *[None] * len(script.ignores)]
    for (name, default), value in zip(script.ignores, places, strict=False):
        value = named.get(name, value)
        if value not in (None, default):
            notes.say(f"{script.title}: {name} was passed over: it acts by the mask's grays alone.")


def _is_on(args: list[Any]) -> bool:
    first = args[0] if args else False
    if isinstance(first, dict):
        return bool(first.get("Soft inpainting") or first.get("enabled"))
    return bool(first)


def _changed(body: Body, changes: dict[str, Any]) -> Body:
    if not changes:
        return body
    told = body.model_dump(include=body.model_fields_set) | changes
    try:
        return type(body).model_validate(told)
    except ValidationError as error:
        raise refused(error) from None

"""`alwayson_scripts`: what always runs there, and what becomes of its arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from studio.api.sdapi.desk import Desk
from studio.api.sdapi.details import Wanted, wanted
from studio.api.sdapi.payloads import Drawing
from studio.api.sdapi.units import units
from studio.domain.errors import InvalidRequest, refused, shorten

Body = TypeVar("Body", bound=Drawing)


@dataclass(frozen=True)
class AlwaysOn:
    """One of them. `takes`: the body's fields that its arguments stand for, "" for one that is
    left out, by their places; `says` stands in docs/api.md."""

    title: str
    says: str
    takes: tuple[str, ...] = ()


SCRIPTS = {
    each.title.casefold(): each
    for each in (
        AlwaysOn("ControlNet", "Our units, by the table of units below."),
        AlwaysOn("ADetailer", "Our detailers, by the table below."),
        AlwaysOn("Soft inpainting", "On or off; its other arguments are left out."),
        AlwaysOn("Sampler", "As the fields.", ("steps", "sampler_name", "scheduler")),
        AlwaysOn(
            "Seed",
            "As the fields.",
            (
                *("seed", "", "subseed", "subseed_strength"),
                *("seed_resize_from_w", "seed_resize_from_h"),
            ),
        ),
        AlwaysOn("Refiner", "As the fields.", ("", "refiner_checkpoint", "refiner_switch_at")),
        AlwaysOn("Extra options", "Ignored."),
        AlwaysOn("Hypertile", "Ignored."),
    )
}
"""By their titles in small letters."""


@dataclass(frozen=True)
class Taken:
    """`soft`: soft inpainting; `controls`: units, of which those `with_map`, counted from 1, send
    their maps along; `details`: what ADetailer is to do."""

    soft: bool
    controls: list[dict[str, Any]]
    with_map: list[int]
    details: Wanted


def taken(body: Body, selectable: frozenset[str], desk: Desk) -> tuple[Body, Taken]:
    """`body` with what its always-on scripts say. Raises `InvalidRequest` for one that is not
    here."""
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
        if name != "refiner" or (values and values[0]):
            fields = zip(SCRIPTS[name].takes, values, strict=False)
            changes |= {field: value for field, value in fields if field and value is not None}
    soft = _is_on(args.get("soft inpainting", []))
    details = wanted(args.get("adetailer", []), desk)
    return _changed(body, changes), Taken(soft, *units(args.get("controlnet", []), desk), details)


def _args(said: Any) -> list[Any]:
    args = said.get("args") if isinstance(said, Mapping) else said
    if isinstance(args, dict):
        return [args]
    return args if isinstance(args, list) else []


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

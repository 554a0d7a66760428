"""Flags made from declared fields, and what was given of them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

_SHORTER = {"class_mode": "--class"}
"""Flags whose fields could not be called so in Python."""


def add_flags(parser: Any, model: type[BaseModel], names: Sequence[str]) -> None:
    """One flag for each of the fields `names`, for a parser or a group of one. Values stay text
    here: the model reads them and says what is wrong."""
    for name in names:
        field = model.model_fields[name]
        is_list = field.default == ()
        single = name.removesuffix("s") if is_list else name
        options: dict[str, Any] = {"help": help_of(field), "default": None, "dest": name}
        if field.annotation is bool:
            options["action"] = "store_true"
        else:
            options["metavar"] = single.rpartition("_")[2].upper()
            options["action"] = "append" if is_list else "store"
        parser.add_argument(flag_of(single), **options)


def flag_of(name: str) -> str:
    """`--mask-blur` for the field mask_blur."""
    return _SHORTER.get(name) or "--" + name.replace("_", "-")


def help_of(field: FieldInfo) -> str:
    """What the field's declaration says, for argparse."""
    text = field.description or field.title or ""
    limits = {type(item).__name__: item for item in field.metadata}
    if "Ge" in limits and "Le" in limits:
        text += f" {limits['Ge'].ge} to {limits['Le'].le}."
    choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    if choices and choices[0] not in text:
        text += f" One of: {', '.join(choices)}."
    if field.default == () and "Repeatable" not in text:
        text += " Repeatable."
    if field.default_factory is None and field.default not in (None, "", (), False):
        text += f" Default: {field.default}."
    return text.replace("%", "%%")


def given(options: argparse.Namespace, names: Iterable[str]) -> dict[str, Any]:
    """Those of the flags `names` that stood on the command line."""
    values = {name: getattr(options, name) for name in names}
    return {name: value for name, value in values.items() if value not in (None, False)}

"""What a script is given: its arguments by their places, and what the call would draw."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from studio.api.sdapi.acts import Act
from studio.api.sdapi.desk import Desk
from studio.api.sdapi.notes import Notes
from studio.domain.errors import shorten
from studio.domain.request import GenerationRequest


def is_true(value: Any) -> bool:
    """Some programs send their boxes as words."""
    return value.strip().casefold() == "true" if isinstance(value, str) else bool(value)


def _as(kind: type, value: Any) -> Any:
    """Raises ValueError, TypeError or OverflowError for what is none."""
    if kind is bool:
        return is_true(value)
    found = kind(value)
    if kind is float and not math.isfinite(found):
        raise ValueError(found)
    return found


@dataclass(frozen=True)
class Call:
    """What a script is given: its arguments by their places, and what the call would draw without
    it."""

    args: Sequence[Any]
    requests: tuple[GenerationRequest, ...]
    act: Act
    desk: Desk
    notes: Notes

    def arg(self, place: int, default: Any, choices: Collection = ()) -> Any:
        """The one at `place`, or the default: where there is none, and, which is told, where it is
        of another kind, or none of the `choices`."""
        value = self.args[place] if place < len(self.args) else None
        if value is None:
            return default
        with suppress(TypeError, ValueError, OverflowError):
            value = _as(type(default), value)
            if not choices or value in choices:
                return value
        self.notes.say(f"script_args.{place}: {shorten(value)} became {default!r}.")
        return default

    def within(self, place: int, default: float, least: float, most: float) -> float:
        """The same of a number, or the nearest that there is here."""
        return self.notes.within(f"script_args.{place}", self.arg(place, default), least, most)

    def pass_over(self, place: int, name: str, default: Any, why: str) -> None:
        """Tells that the one at `place` is not acted on, where it asks for anything."""
        if self.arg(place, default) != default:
            self.notes.say(f"script_args.{place}: {name} was passed over: {why}")

    @property
    def request(self) -> GenerationRequest:
        return self.requests[0]

    def single(self) -> GenerationRequest:
        """One picture, as a cell of a grid has it."""
        if len(self.requests) > 1 or self.request.batch_size > 1:
            self.notes.say("batch_size and n_iter: a grid has one picture in each place.")
        return self.request.model_copy(update={"batch_size": 1})

    def image(self) -> str:
        """The picture that the call begins with."""
        return self.request.task.image

    def strength(self) -> float:
        return self.request.task.strength

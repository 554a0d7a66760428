"""What of a call was not done as it was asked: told in `info` under `comments`, of the extras in
`html_info`."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

IGNORED = "Ignored: "
"""So begins what is said of a field that is not acted on, and the reason follows."""


class Notes:
    """Of one call; each once, in the order in which they came."""

    def __init__(self) -> None:
        self._said: dict[str, None] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._said)

    def say(self, text: str) -> None:
        self._said[text] = None

    def within(self, name: str, value: float, least: float, most: float) -> float:
        """`value`, or the nearest that there is here."""
        nearest = min(max(value, least), most)
        self.became(name, value, nearest, (least, most))
        return nearest

    def became(self, name: str, value: float, now: float, range: tuple[float, float]) -> None:
        if now != value:
            self.say(f"{name}: {value:g} became {now:g}; there is {range[0]:g} to {range[1]:g}.")

    def passed_over(self, record: BaseModel, place: str = "") -> None:
        """The fields of `record`, which stands at `place`, that say that they are ignored and ask
        for something."""
        for name, field in type(record).model_fields.items():
            says = field.description or ""
            if says.startswith(IGNORED) and getattr(record, name) != field.get_default():
                self.say(f"{place}{name} was passed over: {says.removeprefix(IGNORED)}")

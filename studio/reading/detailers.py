"""Detailers as ADetailer writes them into an infotext."""

from __future__ import annotations

from studio.domain import lora_tags
from studio.domain.detail_labels import (
    EXACT_LORAS,
    METHOD,
    METHODS,
    MODEL,
    NUMBERS,
    ONLY,
    ORDER,
    TEXTS,
    label,
)
from studio.domain.detailers import MAX_DETAILERS, MOST_THINGS, ORDERS
from studio.reading.draft import Draft
from studio.reading.loras import Hashes, exact_loras, read_tag

_TAKEN_FOR_GRANTED = dict.fromkeys(
    ("use separate steps", "use separate CFG scale", "inpaint only masked", "tab enable"), "True"
)
"""What says nothing beside the others, as long as it is so."""
_WHY = "Each thing is drawn by itself here, as the picture is otherwise."
_OLDER = {"mask only top k largest": "mask only top k"}


def read_detailers(left: dict[str, str], hashes: Hashes, draft: Draft) -> None:
    """Take them out of `left`."""
    if left.pop("ADetailer version", None):
        draft.understood.append("ADetailer version")
    for number in range(MAX_DETAILERS):
        if label(MODEL, number) in left:
            _Detailer(left, number, draft).read(hashes)


class _Detailer:
    """One that `left` speaks of as `number`, into `draft`."""

    def __init__(self, left: dict[str, str], number: int, draft: Draft) -> None:
        self._left, self._number, self._draft = left, number, draft
        detailers = draft.request.setdefault("detailers", [])
        self._into = f"detailers.{len(detailers)}."
        detailers.append({})
        draft.labels[self._into.rstrip(".")] = label(MODEL, number)

    def read(self, hashes: Hashes) -> None:
        draft = self._draft
        draft.put(f"{self._into}detector", self._taken(MODEL), self._label(MODEL))
        for older, name in _OLDER.items():
            if (count := self._taken(older)) is not None:
                draft.put(f"{self._into}order", METHODS["Area"], self._label(older))
                self._left.setdefault(self._label(name), count)
        for field, name in NUMBERS.items():
            if (value := self._taken(name)) is not None:
                draft.number(self._label(name), value, f"{self._into}{field}")
        for field, name in TEXTS.items():
            if (value := self._taken(name)) is not None:
                self._text(name, value, field, hashes)
        if (loras := self._taken(EXACT_LORAS)) is not None:
            exact_loras(loras, hashes, self._draft, self._into)
        if (method := self._taken(METHOD)) is not None:
            self._put("order", METHODS.get(method), METHOD, method)
        if (order := self._taken(ORDER)) is not None:
            self._put("order", order if order in ORDERS else None, ORDER, order)
        if (only := self._taken(ONLY)) is not None:
            self._only(only)
        for name, usual in _TAKEN_FOR_GRANTED.items():
            if (value := self._taken(name)) == usual:
                draft.understood.append(self._label(name))
            elif value is not None:
                draft.ignore(self._label(name), value, _WHY)

    def _taken(self, name: str) -> str | None:
        return self._left.pop(self._label(name), None)

    def _label(self, name: str) -> str:
        return label(name, self._number)

    def _put(self, field: str, value: object, name: str, said: str) -> None:
        if value is None:
            self._draft.ignore(self._label(name), said, "There is no such order here.")
        else:
            self._draft.put(f"{self._into}{field}", value, self._label(name))

    def _text(self, name: str, value: str, field: str, hashes: Hashes) -> None:
        if field == "prompt":
            value, tags = lora_tags.cut(value)
            for tag in tags:
                read_tag(tag, hashes, self._draft, self._into)
        self._draft.text(self._label(name), value, f"{self._into}{field}")

    def _only(self, said: str) -> None:
        numbers = [int(part) for part in said.split()[:MOST_THINGS] if part.isdecimal()]
        fitting = [number for number in numbers if number < MOST_THINGS]
        self._draft.put(f"{self._into}only", fitting, self._label(ONLY))

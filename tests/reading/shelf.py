"""Models by name alone, as a catalog tells of them, and a reader that knows no others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from studio.domain.errors import UnknownModel
from studio.domain.refs import ModelFacts, ModelFile, ModelRef
from studio.reading.finishing import WAITS
from studio.reading.reader import Reader
from studio.reading.record import Reading


def sha256(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


class Shelf:
    """Holds (kind, name); with `everything`, whatever is asked for."""

    def __init__(self, *models: tuple[str, str], everything: bool = False) -> None:
        self._models, self._everything = models, everything

    def find(self, name: str | None, kind: str = "checkpoint") -> ModelRef:
        for of_kind, own in self._models:
            if of_kind == kind and (name == own or sha256(own).startswith(name)):
                return _ref(own, kind)
        if self._everything:
            return _ref(name, kind)
        raise UnknownModel(f"{name} is unknown.", kind)

    def short_hash(self, ref: ModelRef) -> str | None:
        return sha256(ref.name)[:10]


def _ref(name: str, kind: str) -> ModelRef:
    return ModelRef(name, ModelFile(f"{name}.safetensors"), ModelFacts(kind))


def read(data: bytes | str, *models: tuple[str, str], inputs: Iterable[str] = ()) -> Reading:
    """With these models alone, and nothing against any request."""
    return Reader(Shelf(*models), lambda request: None, frozenset(inputs).__contains__).read(data)


def why(reading: Reading) -> dict[str, str]:
    """Name -> reason of what was ignored, but for what waits for a picture."""
    return {entry.name: entry.why for entry in reading.ignored if entry.why != WAITS}

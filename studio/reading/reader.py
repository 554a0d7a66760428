"""The way in: a file or a text -> its settings."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType

from studio.domain.errors import StudioError, UnknownModel
from studio.domain.refs import ModelFacts, ModelFile, ModelRef
from studio.reading import (
    api_payload,
    automatic1111,
    comfyui,
    fooocus,
    invokeai,
    novelai,
    sdnext,
    stealth,
    studio,
)
from studio.reading.draft import Draft, Models
from studio.reading.finishing import Check, finished
from studio.reading.metadata import metadata
from studio.reading.record import Reading, Texts

log = logging.getLogger(__name__)

_SOURCES: tuple[ModuleType, ...] = (
    *(studio, invokeai, comfyui, novelai, fooocus, sdnext, api_payload),
    automatic1111,
)
"""Each has `found`, what there is of it in some texts, or None; and `read`, which takes that into a
draft and returns whose it is. The first that finds anything counts."""


class Reader:
    """Safe in many threads.

    models     those that are here; a catalog is such
    check      raises `StudioError` where a request cannot be settled
    has_input  whether a picture of some id is kept here
    """

    def __init__(
        self, models: Models, check: Check, has_input: Callable[[str], bool] = lambda id: False
    ) -> None:
        self._models, self._check, self._has_input = models, check, has_input

    def read(self, data: bytes | str, checkpoint: str | None = None) -> Reading:
        """The settings in a picture file, a text file or a text, from wherever. Never raises: what
        is wrong with it is in the reading. `checkpoint` draws where the file's own is not here."""
        data = data.encode("utf-8", "replace") if isinstance(data, str) else data
        found = metadata(data)
        draft = Draft(self._models, self._has_input)
        for name, why in found.damage:
            draft.ignore(name, "", why)
        source = _source(found.texts, draft)
        if source == "none" and found.is_picture and not found.damage:
            with suppress(StudioError):
                source = _source(stealth.texts(data), draft)
        return finished(draft, source, self._check, checkpoint)


def told(texts: Texts) -> Reading:
    """What some texts of a picture say, as though every model were here that they name. What is
    hidden in its bits is not looked for."""
    draft = Draft(_AllThere())
    return finished(draft, _source(texts, draft), lambda request: None, None)


class _AllThere:
    """Models of every name; by a hash alone none is known."""

    def find(self, name: str | None, kind: str = "checkpoint") -> ModelRef:
        if not name or re.fullmatch(r"[0-9a-f]{10,64}", name):
            raise UnknownModel(f"{name} is unknown.", kind)
        return ModelRef(name, ModelFile(Path(name)), ModelFacts(kind))

    def short_hash(self, ref: ModelRef) -> str | None:
        return None


def _source(texts: Texts, draft: Draft) -> str:
    for each in _SOURCES:
        try:
            found = each.found(texts)
            if found is not None:
                return each.read(found, draft)
        except Exception:  # of a file that nobody has thought of: the rest of it is told
            log.exception("settings of %s could not be read", each.__name__)
            draft.ignore(each.__name__.rpartition(".")[2], "", "It cannot be understood.")
    return "none"

"""The way in: a file or a text -> its settings."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType

from studio.domain.errors import StudioError
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
        source = self._source(found.texts, draft)
        if source == "none" and found.is_picture:
            with suppress(StudioError):
                source = self._source(stealth.texts(data), draft)
        return finished(draft, source, self._check, checkpoint)

    def _source(self, texts: Texts, draft: Draft) -> str:
        for each in _SOURCES:
            try:
                found = each.found(texts)
                if found is not None:
                    return each.read(found, draft)
            except Exception:  # of a file that nobody has thought of: the rest of it is told
                log.exception("settings of %s could not be read", each.__name__)
                draft.ignore(each.__name__.rpartition(".")[2], "", "It cannot be understood.")
        return "none"

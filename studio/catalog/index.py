"""What files were found to be, remembered by path, size and time of change."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from studio.catalog.probe import probe
from studio.domain.errors import SaveError
from studio.domain.family import ModelFamily
from studio.domain.refs import ModelFacts, ModelFile
from studio.families import FAMILIES
from studio.store.models import ModelMemory

log = logging.getLogger(__name__)

VERSION = 7
"""To be raised whenever a probe would tell more of the same file, or something else."""

_FAMILIES = {family.name: family for family in FAMILIES}
_DEFAULTS = {field.name: field.default for field in fields(ModelFacts)}


class Index:
    """Probes files, and each but once."""

    def __init__(self, memory: ModelMemory) -> None:
        self._memory = memory
        self._entries = memory.facts(VERSION)
        self._new: set[str] = set()

    def probe(self, file: ModelFile) -> ModelFacts:
        """What it is. Raises `CheckpointError`, which is not remembered: it may be over soon."""
        key = str(file.path)
        size_bytes, modified_ns, values = self._entries.get(key, (None, None, {}))
        if (size_bytes, modified_ns) == (file.size_bytes, file.modified_ns):
            try:
                return _from_json(values)
            except (KeyError, TypeError, ValueError):
                pass  # the database was changed by hand
        facts = probe(file.path)
        self._entries[key] = (file.size_bytes, file.modified_ns, _to_json(facts))
        self._new.add(key)
        return facts

    def save(self, files: Iterable[ModelFile], roots: Iterable[Path]) -> None:
        """Keep what was learnt, and forget files below `roots` that are gone. A disk that takes no
        more is logged and not fatal."""
        there = {str(each.path) for each in files}
        roots = tuple(f"{root}{os.sep}" for root in roots)
        gone = [key for key in self._entries if key not in there and key.startswith(roots)]
        for key in gone:
            del self._entries[key]
        new = {key: self._entries[key] for key in self._new if key in self._entries}
        try:
            if gone:
                self._memory.forget_files(gone)
            if new:
                self._memory.learn_facts(VERSION, new)
            self._new.clear()
        except SaveError as error:
            log.warning("%s", error)


def _named(family: ModelFamily) -> list[Any]:
    return [family.name, min(family.native_size)]


def _to_json(facts: ModelFacts) -> dict[str, Any]:
    """Only what differs from the defaults: most of it does not."""
    values = vars(facts) | {"family": facts.family and _named(facts.family)}
    return {name: value for name, value in values.items() if value != _DEFAULTS[name]}


def _from_json(values: dict[str, Any]) -> ModelFacts:
    """Raises KeyError, TypeError or ValueError for what `_to_json` did not write."""
    values = dict(values)
    if "family" in values:
        name, side = values["family"]
        values["family"] = _FAMILIES[name].learnt_at(side)
    for name in ("trigger_words", "control_types", "image_features", "lacks", "classes"):
        if name in values:
            values[name] = tuple(values[name])
    return ModelFacts(**values)

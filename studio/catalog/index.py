"""What files were found to be, remembered by path, size and time of change."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from studio.catalog.probe import probe
from studio.catalog.store import read_json, try_write_json
from studio.domain.refs import ModelFacts, ModelFile
from studio.families import FAMILIES

VERSION = 4
"""To be raised whenever a probe would tell more of the same file, or something else."""

_FAMILIES = {family.name: family for family in FAMILIES}
_DEFAULTS = {field.name: field.default for field in fields(ModelFacts)}


class Index:
    """Probes files, and each but once. `file` None: remembers nothing beyond the process."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._entries: dict[str, list[Any]] = {}
        self._changed = False
        if file:
            entries = read_json(file, VERSION).get("files")
            self._entries = entries if isinstance(entries, dict) else {}

    def probe(self, file: ModelFile) -> ModelFacts:
        """What it is. Raises `CheckpointError`, which is not remembered: it may be over soon."""
        key = str(file.path)
        try:
            size, modified_ns, values = self._entries[key]
            if (size, modified_ns) == (file.size_bytes, file.modified_ns):
                return _from_json(values)
        except (KeyError, TypeError, ValueError):
            pass
        self._changed |= self._entries.pop(key, None) is not None
        facts = probe(file.path)
        self._entries[key] = [file.size_bytes, file.modified_ns, _to_json(facts)]
        self._changed = True
        return facts

    def save(self, files: Iterable[ModelFile], roots: Iterable[Path]) -> None:
        """Write what was learnt, without files below `roots` that are gone."""
        there = {str(each.path) for each in files}
        roots = tuple(f"{root}{os.sep}" for root in roots)
        gone = [key for key in self._entries if key not in there and key.startswith(roots)]
        for key in gone:
            del self._entries[key]
        if self._file and (gone or self._changed):
            self._changed = not try_write_json(self._file, VERSION, {"files": self._entries})


def _to_json(facts: ModelFacts) -> dict[str, Any]:
    """Only what differs from the defaults: most of it does not."""
    values = vars(facts) | {"family": facts.family and facts.family.name}
    return {name: value for name, value in values.items() if value != _DEFAULTS[name]}


def _from_json(values: dict[str, Any]) -> ModelFacts:
    """Raises KeyError, TypeError or ValueError for what `_to_json` did not write."""
    values = dict(values)
    if "family" in values:
        values["family"] = _FAMILIES[values["family"]]
    for name in ("trigger_words", "control_types", "image_features", "lacks"):
        if name in values:
            values[name] = tuple(values[name])
    return ModelFacts(**values)

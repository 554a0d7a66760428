"""The picture that lies beside a model and shows what it makes, as other web UIs and their helpers
put it there."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from studio.domain.refs import Preview

_SUFFIXES = tuple(
    f"{middle}{suffix}"
    for middle in (".preview", "")
    for suffix in (".png", ".jpg", ".jpeg", ".webp")
)
"""Behind the model's name without its ending, those that say most first."""


class Previews:
    """Those of one folder, whose entries are called `names`. No file is opened."""

    def __init__(self, folder: Path, names: Iterable[str]) -> None:
        self._folder = folder
        self._names = {name for name in names if name.lower().endswith(_SUFFIXES)}

    def of(self, name: str) -> Preview | None:
        """That of the file or folder `name`."""
        if not self._names:
            return None
        for stem in dict.fromkeys((os.path.splitext(name)[0], name)):
            for suffix in _SUFFIXES:
                if stem + suffix in self._names:
                    path = self._folder / (stem + suffix)
                    with suppress(OSError):
                        return Preview(path, path.stat().st_mtime_ns)
        return None

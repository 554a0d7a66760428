"""Whether the disk takes what is drawn."""

from __future__ import annotations

import tempfile
from pathlib import Path

from studio.domain.files import as_text

_TRIED_BYTES = 8 * 2**20
"""More than a picture takes."""


class Room:
    """In `folder`. `trouble` says why it takes nothing, as far as was seen; None: it does."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.trouble: str | None = None

    def look(self) -> bool:
        """Try it: is there room?"""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._folder) as file:
                file.write(bytes(_TRIED_BYTES))
                file.flush()
        except OSError as error:
            self.trouble = (
                f"{as_text(self._folder)} cannot be written: {error.strerror or error}. Free some "
                "disk space, or make the folder writable: jobs that wait begin then."
            )
        else:
            self.trouble = None
        return self.trouble is None

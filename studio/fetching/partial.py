"""What has come so far of a file: bytes under a hidden name, and a note of where they are from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Partial:
    """What has come so far, and what the server said about it."""

    path: Path
    validator: str = ""
    name: str = ""
    sha256: hashlib._Hash = field(default_factory=hashlib.sha256)
    size_bytes: int = 0

    @property
    def _note(self) -> Path:
        return self.path.with_suffix(".json")

    def read(self) -> None:
        """Take up what an earlier call left, if it can be told what it is."""
        try:
            note = json.loads(self._note.read_text("utf-8"))
            self.validator, self.name = str(note["validator"]), str(note["name"])
            with self.path.open("rb") as file:
                while chunk := file.read(2**20):
                    self.sha256.update(chunk)
                    self.size_bytes += len(chunk)
        except (OSError, ValueError, KeyError, TypeError):
            self.restart()

    def restart(self) -> None:
        self.validator, self.sha256, self.size_bytes = "", hashlib.sha256(), 0

    def write_note(self) -> None:
        note = {"validator": self.validator, "name": self.name}
        self._note.write_text(json.dumps(note), "utf-8")

    def remove(self) -> None:
        for path in (self.path, self._note):
            path.unlink(missing_ok=True)

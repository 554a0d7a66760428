"""How a command ends: its exit status, and one line for what went wrong."""

from __future__ import annotations

import sys

from studio.domain.errors import InvalidRequest, StudioError
from studio.domain.files import as_text

BAD_INPUT, FAILED, INTERRUPTED = 2, 1, 130


def status_of(error: StudioError) -> int:
    """2 where the caller asked for what cannot be, else 1."""
    return BAD_INPUT if isinstance(error, InvalidRequest) else FAILED


def complain(error: StudioError, about: str = "") -> None:
    """One line on stderr; `about` says which of several things went wrong."""
    print(as_text(f"studio: {about}{' '.join(str(error).split())}"), file=sys.stderr)

"""Many pictures as one file to give away."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from studio.domain.errors import NotFound


def archive(files: Iterable[tuple[str, datetime, Callable[[], bytes]]]) -> Iterator[bytes]:
    """A zip of (name, time, what gives its bytes), piece by piece: one file is in memory at a time.
    One that is gone meanwhile is left out."""
    pieces = _Pieces()
    with zipfile.ZipFile(pieces, "w", zipfile.ZIP_STORED) as zipped:
        for name, made, data in files:
            try:
                content = data()
            except NotFound:
                continue
            info = zipfile.ZipInfo(name, max(made, _EARLIEST).timetuple()[:6])
            info.external_attr = 0o644 << 16
            zipped.writestr(info, content)
            yield pieces.taken()
    yield pieces.taken()


_EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)
"""That a zip knows."""


class _Pieces(io.RawIOBase):
    """What was written since it was last taken."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def taken(self) -> bytes:
        piece, self._written = bytes(self._written), bytearray()
        return piece

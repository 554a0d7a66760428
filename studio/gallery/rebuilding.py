"""The ledger of pictures, made again from what lies on disk."""

from __future__ import annotations

import logging
from collections.abc import Callable

from studio.domain.errors import InvalidRequest
from studio.domain.files import as_text
from studio.gallery import entries
from studio.gallery.library import TAKEN_IN_AT_ONCE, Library
from studio.store.pictures import PictureRow

log = logging.getLogger(__name__)


def rebuild(library: Library, told: Callable[[int], None] = lambda count: None) -> tuple[int, int]:
    """Read every picture and what lies beside it anew; forget what does not lie there. Of which
    jobs pictures are stays, as far as it is known. `told` how many were read so far.

    Returns how many pictures there are, and how many were forgotten. Only for whoever has the data
    folder for himself. Raises `SaveError`, and OSError where the outputs cannot be listed.
    """
    pictures, rows, seen = library.pictures, [], set()
    for found in library.gallery.places.all():
        try:
            rows.append(entries.of_file(library.gallery.places, found))
        except (OSError, InvalidRequest) as error:
            log.warning("%s is not taken in: %s", as_text(found.path), error)
            continue
        seen.add(found.id)
        if len(rows) >= TAKEN_IN_AT_ONCE:
            _put(library, rows)
            told(len(seen))
    _put(library, rows)
    lost = [id for id in pictures.known() if id not in seen]
    pictures.forget(lost)
    pictures.index_anew()
    return len(seen), len(lost)


def _put(library: Library, rows: list[PictureRow]) -> None:
    library.pictures.put(sorted(rows, key=lambda row: (row.created_us, row.id)))
    rows.clear()

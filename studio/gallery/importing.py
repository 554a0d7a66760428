"""Pictures from elsewhere join the library, as the very bytes that came."""

from __future__ import annotations

import dataclasses
import threading
from dataclasses import dataclass

from studio.domain.accounts import LOCAL, check_owner
from studio.domain.errors import InvalidRequest, SaveError
from studio.gallery import entries, sidecars
from studio.gallery.files import Stored, hash_of
from studio.gallery.library import Library
from studio.gallery.sidecars import Sidecar
from studio.imaging import reading
from studio.reading.metadata import metadata
from studio.store.pictures import Claim, PictureRow

_SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg"}


@dataclass(frozen=True)
class Imported:
    """`row`: what the library knows of it; `is_new`: it was not in it."""

    row: PictureRow
    is_new: bool


class Importer:
    """Into `library`. Safe from many threads."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._importing = threading.Lock()

    def take(self, data: bytes, owner: str | None, created_us: int | None = None) -> Imported:
        """The picture in `data`, which was made at `created_us` (None: now). One that is there
        already stays what it is, and comes out of the trash.

        Raises `InvalidRequest` for what is no picture, is damaged, has more than 64 MP or far too
        much text, `QueueFull` if many others wait to be decoded, `NotYours` where it lies in
        another's trash, and `SaveError`.
        """
        if metadata(data).is_too_long:
            raise InvalidRequest(
                "the file holds far more text than settings are. Save the picture without its "
                "metadata first."
            )
        _, format = reading.size_of(data)
        reading.check(data, patient=False)
        with self._importing:
            there = self._library.with_hash(hash_of(data))
            if there is not None:
                if there.trashed_s is not None:
                    what = f"Picture {there.id}, which is this one and in the trash,"
                    check_owner(owner or LOCAL, there.owner or LOCAL, what)
                return Imported(self._library.restore(there.id), False)
            suffix = _SUFFIXES.get(format, f".{format.lower()}")
            row = self._stored(data, suffix, owner, created_us)
        return Imported(row, True)

    def _stored(
        self, data: bytes, suffix: str, owner: str | None, created_us: int | None
    ) -> PictureRow:
        gallery, pictures = self._library.gallery, self._library.pictures

        def claim(stored: Stored) -> None:
            row = dataclasses.replace(entries.of_data(data, stored), owner=owner)
            pictures.claim(row, Claim())

        try:
            if created_us is not None:
                created_us = pictures.free_us(created_us)
            stored = gallery.store(data, entries.seed_of(data), suffix, claim, created_us)
        except OSError as error:
            raise SaveError(
                f"The picture could not be kept in {gallery.folder}: {error.strerror or error}. "
                "Free some disk space, or make the folder writable."
            ) from None
        if owner is not None:
            sidecars.write(gallery.folder / stored.path, Sidecar(owner))
        return self._library.entry(stored.id)

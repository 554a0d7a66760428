"""The library: what lies on disk and what is remembered of it, as one.

The files are the truth. What is only remembered, stars and boards and notes, is also kept beside
them, so that the ledger can be made again from what lies there.
"""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from studio.domain.accounts import LOCAL
from studio.domain.errors import InvalidRequest, NotFound, SaveError, StudioError
from studio.domain.events import Picture
from studio.domain.files import as_text
from studio.gallery import entries, sidecars, word_maps
from studio.gallery.files import KEPT_IN_MEMORY, Gallery, Stored
from studio.gallery.sidecars import Sidecar
from studio.gallery.sources import file_bytes
from studio.gallery.thumbnails import Thumbnails
from studio.imaging.fingerprint import fingerprint
from studio.store import finding
from studio.store.finding import Filters, Page
from studio.store.fingerprints import FingerprintLedger
from studio.store.lineage import Lineage, lineage
from studio.store.pictures import (
    GONE,
    KEPT,
    TRASHED,
    Claim,
    PictureLedger,
    PictureRow,
    number_before,
)

log = logging.getLogger(__name__)

TRASHED_DAYS = 30
"""After so many the trash is emptied."""
_DAY_S = 86_400
_RETRY_S = 60.0
"""After which what could not be remembered is looked for on the disk."""
TAKEN_IN_AT_ONCE = 50
STORED_WITHIN_US = 60 * 10**6
"""From a claim to its file it takes less."""


class Library:
    """Safe from many threads.

    gallery   stores the files
    pictures  remembers them
    folder    for thumbnails
    keep_days after so many days pictures that nobody has set apart go to the trash; 0: never
    waits     whether pictures of an account wait until others may see them
    """

    def __init__(
        self,
        gallery: Gallery,
        pictures: PictureLedger,
        folder: Path,
        keep_days: Callable[[], int] = lambda: 0,
        waits: Callable[[str | None], bool] = lambda owner: False,
    ) -> None:
        self._keep_days, self._waits = keep_days, waits
        self.gallery, self.pictures = gallery, pictures
        self.fingerprints = FingerprintLedger(pictures.ledger)
        self._thumbnails = Thumbnails(folder, gallery.bytes)
        self._changing = threading.RLock()
        self._unsaved: OrderedDict[str, PictureRow] = OrderedDict()
        self._closing, self._behind = threading.Event(), threading.Event()
        self._caretaker = threading.Thread(target=self._take_care, daemon=True, name="library")

    def begin(self) -> None:
        """Take in what lies on disk and is not remembered, and empty the trash of what is old: now
        and once a day, in a thread of its own."""
        if not self._caretaker.is_alive():
            self._caretaker.start()

    def close(self) -> None:
        self._closing.set()
        self._behind.set()
        self._thumbnails.close()
        if self._caretaker.is_alive():
            self._caretaker.join(5)

    def keep(self, picture: Picture, claim: Claim) -> Picture:
        """Store `picture` as `Gallery.keep` does, and remember it as that of a job; what it was
        before its details is stored first."""
        if picture.before is not None:
            picture = self._with_before_kept(picture, picture.before, claim)
        if claim.owner == LOCAL:  # as good as nobody's, and not to be written down
            claim = dataclasses.replace(claim, owner=None)
        claimed: list[Stored] = []

        def remember(stored: Stored) -> None:
            claimed.append(stored)
            row = entries.of_picture(picture, stored, claim.owner)
            row = dataclasses.replace(row, waits=self._waits(claim.owner))
            if not self.pictures.claim(row, claim):
                self._behind.set()

        kept = self.gallery.keep(picture, remember)
        if kept.path is None:
            with suppress(SaveError):
                self.pictures.forget([stored.id for stored in claimed])
            self._remember_unsaved(kept, claim)
            return kept
        with suppress(SaveError):  # it is looked at when somebody asks
            self.fingerprints.put([(claimed[-1].hash, fingerprint(picture.image))])
        if claim.owner is not None:
            try:
                waits = self._waits(claim.owner)
                sidecars.write(kept.path, Sidecar(claim.owner, waits=waits))
            except SaveError as error:
                log.warning("%s", error)
        if picture.words:
            word_maps.write(kept.path, picture.words)
        if self._caretaker.is_alive():  # else nobody will ask for it now
            self._thumbnails.make_soon(kept.id, kept.image, kept.profile)
        return kept

    def _with_before_kept(self, picture: Picture, before: Picture, claim: Claim) -> Picture:
        claim = dataclasses.replace(claim, number=number_before(claim.number))
        rows = self.pictures.of_job(claim) if claim.job else []  # it may have been stored before
        row = next((row for row in rows if self.gallery.places.find(row.id)), None)
        if row is None:
            kept = self.keep(before, claim)
            row = self.pictures.find(kept.id)
        return dataclasses.replace(picture, before=None, origin=row.hash if row else None)

    def page(
        self, filters: Filters = Filters(), limit: int = 60, before: int | None = None
    ) -> Page:
        """As `finding.page`; before all others those that could not be saved, while they are there,
        where nothing is filtered."""
        page = finding.page(self.pictures, filters, limit, before)
        if filters != Filters() or not self._unsaved:
            return page
        with self._changing:
            unsaved = list(reversed(self._unsaved.values()))
        shown = unsaved if before is None else []
        return Page([*shown, *page.rows], page.next, page.total + len(unsaved))

    def with_hash(self, hash: str) -> PictureRow | None:
        """The newest whose file has this content, as `files.hash_of` tells."""
        return self.pictures.with_hash(hash)

    def entry(self, id: str) -> PictureRow:
        """What is remembered of one picture. Raises `NotFound`."""
        row = self._unsaved.get(id) or self.pictures.find(id)
        return row or self._taken_in(id)

    def picture(self, id: str) -> Picture:
        """It with what made it; its pixels are read when they are asked for. Raises `NotFound`."""
        return self.gallery.picture(id)

    def lineage(self, id: str) -> Lineage:
        """What it was made from and what was made from it. Raises `NotFound`."""
        return lineage(self.pictures, self.entry(id))

    def boards(self) -> list[tuple[str, int]]:
        """(name, number of pictures on it), by name."""
        return self.pictures.boards()

    def thumbnail(self, id: str, side: int) -> bytes:
        """WebP. Raises `NotFound`, and `InvalidRequest` for a file that cannot be decoded."""
        if id not in self._unsaved:
            self.gallery.found(id)
        return self._thumbnails.webp(id, side)

    def thumbnail_of_file(self, path: Path, modified_ns: int, side: int) -> bytes:
        """Of a picture file that is no part of the library. WebP. Raises `InvalidRequest` where it
        cannot be read."""
        known = hashlib.sha256(f"{path} {modified_ns}".encode(errors="surrogatepass")).hexdigest()
        return self._thumbnails.webp(f"elsewhere_{known[:32]}", side, partial(file_bytes, path))

    def change(
        self,
        id: str,
        starred: bool | None = None,
        boards: Iterable[str] | None = None,
        note: str | None = None,
    ) -> PictureRow:
        """What is not None is so from now on. Raises `NotFound` and `SaveError`."""
        changes = {"starred": starred, "note": note}
        if boards is not None:
            changes["boards"] = tuple(sorted(set(boards)))
        return self._changed(id, {name: one for name, one in changes.items() if one is not None})

    def approve(self, id: str) -> PictureRow:
        """Others may see it from now on. Raises `NotFound` and `SaveError`."""
        return self._changed(id, {"waits": False})

    def _changed(self, id: str, changes: dict[str, Any]) -> PictureRow:
        with self._changing:
            row = dataclasses.replace(self._saved(id), **changes)
            sidecars.write(self.gallery.found(id).path, _sidecar(row))
            self.pictures.put([row])
        return row

    def trash(self, id: str) -> PictureRow:
        """Move it to the trash; harmless for one that is there. Raises `NotFound`, `SaveError`."""
        return self._moved(id, time.time())

    def restore(self, id: str) -> PictureRow:
        """Move it back; harmless for one that is not in the trash. Raises as `trash`."""
        return self._moved(id, None)

    def erase(self, id: str) -> None:
        """For good, from wherever it is. Raises `NotFound`, `SaveError`."""
        with self._changing:
            self._saved(id)
            self._erase([id])

    def empty_trash(
        self, days: float = 0, may: Callable[[PictureRow], bool] = lambda _: True
    ) -> int:
        """Erase what is in the trash for longer than `days` and `may` be erased; returns how many
        that were. Raises `SaveError`."""
        with self._changing:
            before_s = time.time() - days * _DAY_S
            old = self.pictures.where("state = ? AND trashed_s <= ?", (TRASHED, before_s))
            ids = [row.id for row in old if may(row)]
            self._erase(ids)
        return len(ids)

    def expired(self, days: int) -> list[PictureRow]:
        """What is older than so many days, has no star and is on no board, newest first."""
        before_us = (time.time_ns() // 1000) - days * _DAY_S * 10**6
        return self.pictures.where(
            "state = ? AND created_us < ? AND starred = 0 "
            "AND created_us NOT IN (SELECT picture FROM boards)",
            (KEPT, before_us),
        )

    def size_bytes(self, rows: Iterable[PictureRow]) -> int:
        """Of the files of these, as far as they are there."""
        found = (self.gallery.places.find(row.id) for row in rows)
        return sum(os.stat(one.path).st_size for one in found if one is not None)

    def _retire(self) -> None:
        """What the owner's rule lets go. It lies in the trash as if somebody had put it there."""
        days = self._keep_days()
        rows = self.expired(days) if days else []
        for row in rows:
            if self._closing.is_set():
                return
            with suppress(NotFound):
                self.trash(row.id)
        if rows:
            log.info("%d pictures older than %d days went to the trash.", len(rows), days)

    def take_in(self, since_us: int | None = None) -> int:
        """Remember what lies on disk and is not, or lies elsewhere than is remembered; what does
        not lie there any more is gone until it does again. Only what is unknown is opened.
        Returns how many were taken in. Raises OSError where the outputs cannot be listed.

        since_us  of what is remembered to be made later nothing is said: its file may come now;
                  None: a minute ago
        """
        if since_us is None:
            since_us = time.time_ns() // 1000 - STORED_WITHIN_US
        known, count, rows = self.pictures.known(), 0, []
        for found in self.gallery.places.all():
            state, _ = known.pop(found.id, (GONE, 0))
            if self._closing.is_set():
                return count
            if state == (TRASHED if found.trashed else KEPT):
                continue
            try:
                rows.append(entries.of_file(self.gallery.places, found))
            except (OSError, InvalidRequest) as error:
                log.warning("%s is not taken in: %s", as_text(found.path), error)
            if len(rows) >= TAKEN_IN_AT_ONCE:
                count += self._put_if_unknown(rows)
        count += self._put_if_unknown(rows)
        self.pictures.gone(
            [id for id, (state, made) in known.items() if state != GONE and made < since_us]
        )
        return count

    def _put_if_unknown(self, rows: list[PictureRow]) -> int:
        """And empty the list."""
        with self._changing:  # what was moved or came meanwhile is known to whoever did it
            known = self.pictures.find_all([row.id for row in rows])
            trashed = {row.id: row.trashed_s is not None for row in known}
            there = [
                row
                for row in rows
                if self._lies(row) and trashed.get(row.id) != (row.trashed_s is not None)
            ]
            if there:
                self.pictures.put(there)
            rows.clear()
        return len(there)

    def _lies(self, row: PictureRow) -> bool:
        found = self.gallery.places.find(row.id)
        return found is not None and found.trashed == (row.trashed_s is not None)

    def _taken_in(self, id: str) -> PictureRow:
        """One that lies there and is not remembered yet. Raises `NotFound`."""
        with self._changing:
            row = self.pictures.find(id)
            if row is not None:
                return row
            try:
                row = entries.of_file(self.gallery.places, self.gallery.found(id))
                self.pictures.put([row])
            except (OSError, InvalidRequest) as error:
                raise NotFound(f"The file of picture {id} cannot be read: {error}") from None
            except SaveError as error:
                log.warning("%s", error)
        return row

    def _saved(self, id: str) -> PictureRow:
        """One with a file. Raises `NotFound`, and `SaveError` for one that is in memory only."""
        row = self.entry(id)
        if id in self._unsaved:
            raise SaveError(
                f"Picture {id} could not be saved, and is in memory only: download it. What is "
                "said of it would be lost with it."
            )
        return row

    def _moved(self, id: str, trashed_s: float | None) -> PictureRow:
        with self._changing:
            row, found = self._saved(id), self.gallery.found(id)
            if found.trashed == (trashed_s is not None):
                return row
            row = dataclasses.replace(row, trashed_s=trashed_s)
            target = self.gallery.places.moved(found)
            sidecars.write(target, _sidecar(row))  # before the file: it must not be without
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(found.path, target)
            except OSError as error:
                sidecars.remove(target)
                raise _cannot(found.path, "moved", error) from None
            sidecars.remove(found.path)
            word_maps.move(found.path, target)
            self.pictures.put([row])
        return row

    def _erase(self, ids: list[str]) -> None:
        """Raises `SaveError` for one that cannot be; what was erased before it is forgotten."""
        erased = []
        try:
            for id in ids:
                found = self.gallery.places.find(id)
                if found is not None:
                    self.gallery.places.erase(found)
                    sidecars.remove(found.path)
                    word_maps.remove(found.path)
                self._thumbnails.remove(id)
                erased.append(id)
        except OSError as error:
            raise _cannot(found.path, "erased", error) from None
        finally:
            self.pictures.forget(erased)

    def _remember_unsaved(self, picture: Picture, claim: Claim) -> None:
        stored = Stored(picture.id, "", "", time.time_ns() // 1000)
        row = entries.of_picture(picture, stored, claim.owner)
        with self._changing:
            self._unsaved[picture.id] = dataclasses.replace(row, job=claim.job, number=claim.number)
            while len(self._unsaved) > KEPT_IN_MEMORY:
                self._unsaved.popitem(last=False)

    def _take_care(self) -> None:
        began_us = time.time_ns() // 1000
        while not self._closing.is_set():
            try:
                count = self.take_in(began_us)
                if count:
                    log.info("%d pictures were taken into the library.", count)
                self._retire()
                self.empty_trash(TRASHED_DAYS)
            except FileNotFoundError:
                log.debug("there are no pictures yet")
            except (OSError, StudioError) as error:
                log.warning("The library is not up to date: %s", error)
                if isinstance(error, SaveError):
                    self._behind.set()
            if self._behind.wait(_DAY_S):
                self._closing.wait(_RETRY_S)
                self._behind.clear()


def _sidecar(row: PictureRow) -> Sidecar:
    return Sidecar(row.owner, row.starred, row.boards, row.note, row.trashed_s, row.waits)


def _cannot(path: Path, what: str, error: OSError) -> SaveError:
    return SaveError(
        f"{as_text(path)} cannot be {what}: {error.strerror or error}. Check that the folder can "
        "be written."
    )

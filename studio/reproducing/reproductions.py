"""Pictures drawn again from their own records: ordinary jobs, whose pictures are held against the
originals before anybody hears of them. One that is the same is not kept a second time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from studio.domain.accounts import LOCAL
from studio.domain.errors import InvalidRequest, NotFound, SaveError, StudioError
from studio.domain.events import Picture
from studio.domain.files import as_text
from studio.domain.provenance import Provenance
from studio.domain.request import GenerationRequest
from studio.gallery.files import hash_of
from studio.gallery.library import Library
from studio.gallery.sources import file_bytes
from studio.imaging import difference, reading
from studio.jobs.job import Job
from studio.jobs.keeping import Keep
from studio.jobs.queue import JobQueue
from studio.provenance import marking
from studio.reproducing.receipt import Receipt
from studio.reproducing.recorded import Recorded, Records
from studio.store.pictures import Claim
from studio.store.reproductions import ReproductionLedger, ReproductionRow

log = logging.getLogger(__name__)

Mark = Callable[[Picture], Picture]

_MOST_FILES = 16
"""Of files that are not in the library so many are held at once; more wait in no queue."""


@dataclass(frozen=True)
class Original:
    """A picture's file; `id`: in the library, None: it is not there."""

    data: bytes
    id: str | None = None

    @property
    def hash(self) -> str:
        return hash_of(self.data)


@dataclass(frozen=True)
class Reproduction:
    """A picture drawn again. `original` and `again` are RGB, alike where `receipt.same`; `picture`
    is the file of the second where it differs, and so was kept."""

    receipt: Receipt
    original: Image.Image
    again: Image.Image
    picture: Picture | None = None

    def heat_map(self) -> Image.Image:
        """RGB: where it differs, and how much. Raises `InvalidRequest` where the sizes do."""
        if self.original.size != self.again.size:
            raise InvalidRequest("The sizes differ: this cannot be compared pixel by pixel.")
        return difference.heat_map(self.original, self.again)


class Comparing:
    """What a queue keeps its pictures with: those that were drawn again are compared first.

    keep  stores a picture, as `Keeping` takes it
    mark  puts the invisible mark into what is drawn; None: it is kept without one
    """

    def __init__(
        self,
        library: Library,
        ledger: ReproductionLedger,
        keep: Keep,
        mark: Mark | None = marking.marked,
    ) -> None:
        self.library, self.ledger, self._keep, self._mark = library, ledger, keep, mark
        self.submitting = threading.Lock()
        self.files: dict[str, Original] = {}

    def keep(self, picture: Picture, claim: Claim) -> Picture:
        """As `keep`, with the mark; but one that equals its original comes back with that one's
        id. A mark is compared where the original has one, and nowhere else."""
        drawn, picture = picture, self.marked(picture)
        with self.submitting:  # whose job began before it was written down
            row = self.ledger.of_job(claim.job) if claim.job else None
        if row is None:
            return self._keep(picture, claim)
        try:
            original = self.original(row)
            alike = marking.marked(drawn) if marking.is_marked(original.data) else drawn
            receipt = compared(Receipt.read(row.receipt), original, alike)
        except (StudioError, OSError, ValueError) as error:  # it was erased, for one
            log.warning("What was drawn again is not compared: %s", error)
            return self._keep(picture, claim)
        if receipt.same:
            path = self.library.gallery.path(original.id) if original.id else None
            kept = replace(alike, id=original.id, path=path, source=None)
        else:
            kept = self._keep(replace(picture, origin=row.original), claim)
            receipt = replace(receipt, picture=kept.id)
        with suppress(SaveError):
            self.ledger.put(replace(row, receipt=receipt.json()))
        return kept

    def marked(self, picture: Picture) -> Picture:
        """It as it is kept."""
        return self._mark(picture) if self._mark else picture

    def original(self, row: ReproductionRow) -> Original:
        """Raises `NotFound` where it is not here any more."""
        if row.job in self.files:
            return self.files[row.job]
        found = self.library.with_hash(row.original)
        if found is None:
            raise NotFound("The picture that was drawn again is not here any more.")
        return Original(self.library.gallery.bytes(found.id), found.id)


class Reproductions:
    """Safe from many threads.

    settle      completes a request of an account, or raises `InvalidRequest`
    provenance  of what a settled request would be drawn with now; None: that is not known yet
    """

    def __init__(
        self,
        queue: JobQueue,
        records: Records,
        comparing: Comparing,
        settle: Callable[[GenerationRequest, str], GenerationRequest],
        provenance: Callable[[GenerationRequest], Provenance | None],
    ) -> None:
        self._queue, self._library, self._records = queue, comparing.library, records
        self._comparing, self._settle, self._provenance = comparing, settle, provenance

    def original(self, picture: str | Path | bytes) -> Original:
        """The id of a picture of the library, a file, or the bytes of one. Raises `NotFound` and
        `InvalidRequest`."""
        if isinstance(picture, bytes):
            return Original(picture)
        if isinstance(picture, str):
            with suppress(NotFound):
                return self.of_library(picture)
        try:
            return Original(file_bytes(picture))
        except InvalidRequest as error:
            raise InvalidRequest(
                f"{as_text(picture)} is no picture of the library, and {error.message}"
            ) from None

    def of_library(self, id: str) -> Original:
        """Raises `NotFound`."""
        return Original(self._library.gallery.bytes(self._library.entry(id).id), id)

    def submit(self, original: Original, key: str | None = None, owner: str = LOCAL) -> Job:
        """Queue it. Raises as `Records.read` and `JobQueue.submit` do."""
        recorded = self._records.read(original.data)
        receipt = _before(recorded, original)
        comparing = self._comparing
        with comparing.submitting:
            job = self._queue.repeat(recorded.request, key and f"reproduce/{key}", owner)
            if comparing.ledger.of_job(job.id) is None:
                row = ReproductionRow(job.id, original.hash, time.time(), receipt.json())
                comparing.ledger.put(row)
                if original.id is None:
                    while len(comparing.files) >= _MOST_FILES:
                        comparing.files.pop(next(iter(comparing.files)))
                    comparing.files[job.id] = original
        return job

    def foretold(self, original: Original, owner: str = LOCAL) -> Receipt:
        """What is known before it is drawn. Raises as `submit` does."""
        recorded = self._records.read(original.data)
        now = self._provenance(self._settle(recorded.request, owner))
        return replace(_before(recorded, original), now=now)

    def row(self, id: str, job: str | None = None) -> ReproductionRow | None:
        """Of the picture `id` the newest there is, or that of one `job`. Raises `NotFound`."""
        hash = self._library.entry(id).hash
        if job is None:
            return self._comparing.ledger.newest(hash)
        row = self._comparing.ledger.of_job(job)
        if row is None or row.original != hash:
            raise NotFound(f"Job {job} did not draw picture {id} again.")
        return row

    def of_job(self, job: Job) -> Reproduction:
        """What came of one that has finished. Raises `NotFound` where nothing did."""
        row = self._comparing.ledger.of_job(job.id)
        receipt = row and Receipt.read(row.receipt)
        if receipt is None or receipt.same is None:
            raise NotFound(f"Job {job.id} has not drawn a picture again.")
        original, pictures = reading.picture(self._comparing.original(row).data), job.pictures
        if receipt.same:
            return Reproduction(receipt, original, original)
        again = pictures[0] if pictures else self._library.gallery.picture(receipt.picture)
        return Reproduction(receipt, original, again.image.convert("RGB"), again)

    def heat_map(self, row: ReproductionRow) -> Image.Image:
        """Raises `NotFound` where nothing differs, or it cannot be compared."""
        receipt = Receipt.read(row.receipt)
        if receipt.same or receipt.figures is None or receipt.picture is None:
            raise NotFound("There is nothing that differs from pixel to pixel.")
        was = self._comparing.original(row).data
        now = self._library.gallery.bytes(receipt.picture)
        return difference.heat_map(reading.picture(was), reading.picture(now))


def compared(receipt: Receipt, original: Original, picture: Picture) -> Receipt:
    """`receipt`, and how `picture` is different from `original`. Raises `InvalidRequest` where the
    original cannot be decoded."""
    was, profile = reading.with_profile(original.data)
    alike = was.size == picture.image.size
    notes = receipt.notes
    if profile != picture.profile:
        notes = (*notes, "The colour profile is another one: equal values look otherwise.")
    return replace(
        receipt,
        now=picture.provenance,
        sizes=(was.size, picture.image.size),
        figures=difference.figures(was, picture.image) if alike else None,
        notes=notes,
    )


def _before(recorded: Recorded, original: Original) -> Receipt:
    return Receipt(
        recorded.then, original=original.id, ignored=recorded.ignored, notes=recorded.notes
    )

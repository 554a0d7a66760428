"""Files held against what is known of them: their pixels, their text, the library."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from studio.domain.errors import InvalidRequest, NotFound, SaveError
from studio.domain.provenance import WrittenMark
from studio.gallery.files import hash_of
from studio.gallery.library import Library
from studio.imaging import reading
from studio.imaging.fingerprint import fingerprint
from studio.provenance import marking, watermark, xmp
from studio.provenance.credentials import Notary
from studio.provenance.verdict import Alike, Verdict
from studio.reading.metadata import metadata, xmp_of
from studio.reading.reader import told

_LIKE = 8
"""Of 63 bits: pictures that differ by no more look alike."""
_CATCHING_UP_S = 3.0
"""For so long pictures of the library are looked at that never were."""
_AT_ONCE = 32


class Verifier:
    """Safe from many threads."""

    def __init__(self, library: Library, notary: Notary) -> None:
        self._library, self._notary = library, notary
        self._fingerprints = library.fingerprints
        self._looking = threading.Lock()

    def verify(self, data: bytes) -> Verdict:
        """What is known of the picture file of these bytes. Raises `InvalidRequest` where it is
        none, or is broken."""
        image = reading.picture(data)
        texts = metadata(data).texts
        mark = watermark.read(image)
        alike: dict[str, Alike] = {}
        row = self._library.with_hash(hash_of(data))
        if row is not None:
            alike[row.id] = Alike(row.id, "file")
        unlooked = self._catch_up()
        looks = fingerprint(image)
        if looks is not None and (nearest := self._fingerprints.nearest(looks)):
            id, differs = nearest
            if differs <= _LIKE:
                alike.setdefault(id, Alike(id, "looks", differs))
        if mark.id is not None:
            for id in self._with_mark(mark.id):
                alike.setdefault(id, Alike(id, "mark"))
        return Verdict(
            size=image.size,
            mark=mark,
            written=WrittenMark.read(texts.get("studio-watermark", "")),
            settings=told(texts).source,
            credentials=self._notary.found(data),
            term=xmp.term_in(xmp_of(data)),
            pictures=tuple(alike.values()),
            unlooked=unlooked,
        )

    def _with_mark(self, id: int) -> list[str]:
        rows = self._library.pictures.ledger.rows(
            "SELECT id, seed, prompt, negative_prompt FROM pictures WHERE state <> 'gone' "
            "ORDER BY created_us DESC"
        )
        asked = ((row["id"], (row["prompt"], row["negative_prompt"], row["seed"])) for row in rows)
        found = (picture for picture, words in asked if marking.id_of(*words) == id)
        return [picture for _, picture in zip(range(_AT_ONCE), found, strict=False)]

    def _catch_up(self) -> int:
        """Look at pictures of the library that never were; how many are left."""
        until = time.monotonic() + _CATCHING_UP_S
        with self._looking, suppress(SaveError):
            while lacking := self._fingerprints.lacking(_AT_ONCE):
                if time.monotonic() > until:
                    return len(self._fingerprints.lacking(10**9))
                self._fingerprints.put([self._looked_at(id) for id in lacking])
        return 0

    def _looked_at(self, id: str) -> tuple[str, int | None]:
        row = self._library.entry(id)
        with suppress(NotFound, InvalidRequest):  # it was erased, or is broken
            return row.hash, fingerprint(reading.picture(self._library.gallery.bytes(id)))
        return row.hash, None

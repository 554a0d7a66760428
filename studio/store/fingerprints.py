"""What pictures look like, remembered by the content of their files."""

from __future__ import annotations

from collections.abc import Iterable

from studio.store.ledger import Ledger


class FingerprintLedger:
    """Those in `ledger`. What is not there can be made again from the files."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def put(self, found: Iterable[tuple[str, int | None]]) -> None:
        """(hash of a file, fingerprint of its picture; None: it shows nothing). Raises
        `SaveError`."""
        with self._ledger.writing() as connection:
            connection.executemany("INSERT OR REPLACE INTO fingerprints VALUES (?, ?)", list(found))

    def lacking(self, limit: int) -> list[str]:
        """The ids of pictures of the library whose fingerprint is not known, newest first."""
        rows = self._ledger.rows(
            "SELECT id FROM pictures WHERE state <> 'gone' AND hash NOT IN "
            "(SELECT hash FROM fingerprints) ORDER BY created_us DESC LIMIT ?",
            (limit,),
        )
        return [row["id"] for row in rows]

    def nearest(self, fingerprint: int) -> tuple[str, int] | None:
        """(id, bits that differ) of the picture of the library that looks most like it, of equal
        ones the oldest."""
        rows = self._ledger.rows(
            "SELECT id, bits FROM pictures JOIN fingerprints USING (hash) "
            "WHERE state <> 'gone' AND bits IS NOT NULL ORDER BY created_us"
        )
        pairs = ((row["id"], (row["bits"] ^ fingerprint).bit_count()) for row in rows)
        return min(pairs, key=lambda pair: pair[1], default=None)

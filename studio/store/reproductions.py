"""Pictures that were drawn again: by which job, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from studio.store.ledger import Ledger


@dataclass(frozen=True)
class ReproductionRow:
    """`original`: the first 32 hex digits of its file's sha256; `receipt`: JSON, see
    `jobs.receipt`."""

    job: str
    original: str
    created_s: float
    receipt: str


class ReproductionLedger:
    """Those in `ledger`."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def put(self, row: ReproductionRow) -> None:
        """A new one, or one of which more is known now. Raises `SaveError`."""
        with self._ledger.writing() as connection:
            connection.execute(
                "INSERT INTO reproductions VALUES (?, ?, ?, ?) "
                "ON CONFLICT (job) DO UPDATE SET receipt = excluded.receipt",
                (row.job, row.original, row.created_s, row.receipt),
            )

    def of_job(self, job: str) -> ReproductionRow | None:
        return self._first("WHERE job = ?", job)

    def newest(self, original: str) -> ReproductionRow | None:
        """The last that was asked for."""
        return self._first("WHERE original = ? ORDER BY created_s DESC, rowid DESC", original)

    def _first(self, condition: str, value: str) -> ReproductionRow | None:
        found = self._ledger.rows(f"SELECT * FROM reproductions {condition} LIMIT 1", (value,))
        return ReproductionRow(**dict(found[0])) if found else None

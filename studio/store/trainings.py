"""Trainings that outlive the process."""

from __future__ import annotations

from dataclasses import dataclass

from studio.store.ledger import Ledger


@dataclass(frozen=True)
class TrainingRow:
    """`asked`: JSON, see `domain.training_order`; `state`: see `tuning.job.TrainingState`; `told`:
    JSON, what came of it so far."""

    id: str
    owner: str
    created_s: float
    asked: str
    state: str
    told: str


class TrainingLedger:
    """Those in `ledger`."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def put(self, row: TrainingRow) -> None:
        """A new one, or one of which more is known now. Raises `SaveError`."""
        with self._ledger.writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO accounts VALUES (?, ?)", (row.owner, row.created_s)
            )
            connection.execute(
                "INSERT INTO trainings VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET state = excluded.state, told = excluded.told",
                (row.id, row.owner, row.created_s, row.asked, row.state, row.told),
            )

    def all(self) -> list[TrainingRow]:
        """Oldest first."""
        found = self._ledger.rows("SELECT * FROM trainings ORDER BY created_s, id")
        return [TrainingRow(**dict(row)) for row in found]

    def forget(self, id: str) -> None:
        with self._ledger.writing() as connection:
            connection.execute("DELETE FROM trainings WHERE id = ?", (id,))

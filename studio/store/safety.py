"""What the owner of the studio allows, and what came of it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from studio.store.ledger import Ledger

MOST_OF_THE_LOG = 100_000
"""Entries; the oldest go."""


@dataclass(frozen=True)
class AuditRow:
    """`at_s`: seconds since 1970; the rest is as in `store.migrations`."""

    id: int
    at_s: float
    account: str
    what: str
    why: str
    prompt: str


class SafetyLedger:
    """Rules, log and consents in `ledger`. Safe from many threads. What is written raises
    `SaveError`."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def rules(self) -> str:
        """JSON; "" where nobody has set any."""
        found = self._ledger.rows("SELECT rules FROM safety")
        return found[0]["rules"] if found else ""

    def put_rules(self, rules: str) -> None:
        with self._ledger.writing() as connection:
            connection.execute("DELETE FROM safety")
            connection.execute("INSERT INTO safety VALUES (?)", (rules,))

    def log(self, account: str, what: str, why: str, prompt: str = "") -> None:
        """One more entry."""
        with self._ledger.writing() as connection:
            added = connection.execute(
                "INSERT INTO audit (at_s, account, what, why, prompt) VALUES (?, ?, ?, ?, ?)",
                (time.time(), account, what, why, prompt),
            )
            oldest = (added.lastrowid or 0) - MOST_OF_THE_LOG
            connection.execute("DELETE FROM audit WHERE id <= ?", (oldest,))

    def entries(self, limit: int, before: int | None = None) -> list[AuditRow]:
        """The newest of those older than the one of the id `before`, newest first."""
        found = self._ledger.rows(
            "SELECT * FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?",
            (2**62 if before is None else before, limit),
        )
        return [AuditRow(**row) for row in found]

    def consent(self, account: str, image: str) -> None:
        """`account` says that the people in a picture agree, whose bytes have this hash."""
        with self._ledger.writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO consents VALUES (?, ?, ?)", (account, image, time.time())
            )

    def has_consent(self, account: str, image: str) -> bool:
        return bool(
            self._ledger.rows(
                "SELECT 1 FROM consents WHERE (account, image) = (?, ?)", (account, image)
            )
        )

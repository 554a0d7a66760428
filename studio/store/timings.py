"""How long past jobs took, by machine and family."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from typing import Any

from studio.domain.errors import SaveError
from studio.store.ledger import Ledger

log = logging.getLogger(__name__)

KEPT = 300
"""The newest of each machine and family."""


class TimingLedger:
    """Those in `ledger`. Where the disk takes no more none are added."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def add(
        self,
        machine: str,
        family: str,
        checkpoint: str,
        parts: Sequence[Sequence[float]],
        *,
        run_s: float,
        load_s: float | None,
    ) -> None:
        """A job of such `parts` ran for `run_s` seconds after its models were there; to load them
        took `load_s`, None where they were there before."""
        try:
            with self._ledger.writing() as connection:
                connection.execute(
                    "INSERT INTO timings (at_s, machine, family, checkpoint, parts, run_s, load_s) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (time.time(), machine, family, checkpoint, json.dumps(parts), run_s, load_s),
                )
                connection.execute(
                    "DELETE FROM timings WHERE (machine, family) = (?1, ?2) AND id <= (SELECT id "
                    "FROM timings WHERE (machine, family) = (?1, ?2) ORDER BY id DESC LIMIT 1 "
                    "OFFSET ?3)",
                    (machine, family, KEPT),
                )
        except SaveError as error:
            log.warning("%s", error)

    def runs(self, machine: str, family: str) -> list[tuple[list[list[float]], float]]:
        """(parts, run_s) of each, the newest last."""
        found = self._ledger.rows(
            "SELECT parts, run_s FROM timings WHERE (machine, family) = (?, ?) ORDER BY id",
            (machine, family),
        )
        return [(json.loads(row["parts"]), row["run_s"]) for row in found]

    def loads(self, machine: str, checkpoint: str) -> list[float]:
        """Seconds of each time that it was loaded, the newest last."""
        found = self._ledger.rows(
            "SELECT load_s FROM timings WHERE (machine, checkpoint) = (?, ?) "
            "AND load_s IS NOT NULL ORDER BY id",
            (machine, checkpoint),
        )
        return [row["load_s"] for row in found]

    def newest_machine(self) -> str | None:
        """The one that drew last."""
        found: list[Any] = self._ledger.rows("SELECT machine FROM timings ORDER BY id DESC LIMIT 1")
        return found[0]["machine"] if found else None

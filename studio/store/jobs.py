"""Jobs that outlive the process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from studio.domain.errors import SaveError
from studio.domain.events import Cancelled, Failed, Finished
from studio.store import prompts
from studio.store.ledger import Ledger, Statement

log = logging.getLogger(__name__)

_MOST_UNKEPT = 10_000


@dataclass(frozen=True)
class JobRow:
    """A job as it is kept. `pictures`: place in the batch -> id."""

    id: str
    owner: str
    state: str
    request: str
    created_s: float
    ended_s: float | None
    elapsed_s: float | None
    failed: Failed | None
    pictures: dict[int, str]


class JobLedger:
    """The jobs in `ledger`. Where the disk takes no more the studio draws on: what could not be
    kept is logged, lasts as long as the process, and is kept with the next that can be."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._writing = threading.Lock()
        self._unkept: list[Statement] = []

    @property
    def is_durable(self) -> bool:
        """Whether it is there after the process."""
        return self._ledger.is_durable

    def add(
        self,
        id: str,
        owner: str,
        request: str,
        created_s: float,
        key: str | None,
        *,
        words: tuple[str, str] = ("", ""),
    ) -> None:
        """The last in the line; its owner's history of prompts remembers `words`."""
        account = "INSERT OR IGNORE INTO accounts VALUES (?, ?)"
        job = (  # of a key that came twice while nothing could be kept, the first
            "INSERT OR IGNORE INTO jobs (id, owner, place, state, request, created_s, key) "
            "SELECT ?, ?, coalesce(max(place), 0) + 1, 'queued', ?, ?, ? FROM jobs"
        )
        values = id, owner, request, created_s, key
        history = prompts.remembering(owner, *words, created_s)
        self._do((account, (owner, created_s)), (job, values), *history)

    def reorder(self, ids: Sequence[str]) -> None:
        """These wait, in this order."""
        marks = ", ".join("?" * len(ids))
        found = self._ledger.rows(
            f"SELECT place FROM jobs WHERE id IN ({marks}) ORDER BY place", ids
        )
        places = [row["place"] for row in found]
        move = "UPDATE jobs SET place = ? WHERE id = ?"
        self._do(*((move, values) for values in zip(places, ids, strict=False)))

    def begun(self, id: str) -> None:
        self._do(("UPDATE jobs SET state = 'running' WHERE id = ?", (id,)))

    def waits_again(self, id: str) -> None:
        """It is to be drawn from its beginning."""
        self._do(("UPDATE jobs SET state = 'queued' WHERE id = ?", (id,)))

    def ended(self, id: str, event: Finished | Failed | Cancelled, ended_s: float) -> None:
        values: tuple[object, ...] = ("cancelled", None, None, None, None)
        if isinstance(event, Finished):
            values = ("finished", event.elapsed_s, None, None, None)
        elif isinstance(event, Failed):
            values = ("failed", None, event.error, event.message, event.field)
        end = (
            "UPDATE jobs SET state = ?, elapsed_s = ?, error = ?, message = ?, field = ?, "
            "ended_s = ? WHERE id = ?"
        )
        self._do((end, (*values, ended_s, id)))

    def forget(self, ids: Iterable[str]) -> None:
        """The jobs; their pictures stay."""
        self._do(*(("DELETE FROM jobs WHERE id = ?", (id,)) for id in ids))

    @property
    def paused(self) -> bool:
        """Whether no more jobs are begun."""
        return bool(self._ledger.rows("SELECT paused FROM queue")[0]["paused"])

    def pause(self, paused: bool) -> None:
        self._do(("UPDATE queue SET paused = ?", (paused,)))

    def to_do(self) -> list[JobRow]:
        """What was under way, then what waits, each in order."""
        found = self._ledger.rows(
            "SELECT * FROM jobs WHERE state IN ('queued', 'running') "
            "ORDER BY state = 'queued', place"
        )
        return [self._row(row) for row in found]

    def find(self, id: str) -> JobRow | None:
        found = self._ledger.rows("SELECT * FROM jobs WHERE id = ?", (id,))
        return self._row(found[0]) if found else None

    def ended_jobs(
        self,
        limit: int,
        before: tuple[float, str] | None = None,
        state: str | None = None,
        owner: str | None = None,
    ) -> list[JobRow]:
        """The newest that have ended, newest first: `before` that time and id, in `state`, of
        `owner`, as far as these are given."""
        wanted = {"(ended_s, id) < (?, ?)": before, "state = ?": state, "owner = ?": owner}
        given = {sql: value for sql, value in wanted.items() if value is not None}
        values: list[object] = []
        for value in given.values():
            values += value if isinstance(value, tuple) else [value]
        found = self._ledger.rows(
            f"SELECT * FROM jobs WHERE {' AND '.join(['ended_s IS NOT NULL', *given])} "
            "ORDER BY ended_s DESC, id DESC LIMIT ?",
            (*values, limit),
        )
        return [self._row(row) for row in found]

    def ended_owners(self, states: Sequence[str]) -> dict[str, str]:
        """The id of each job that has ended and is in one of `states` -> its owner."""
        marks = ", ".join("?" * len(states))
        found = self._ledger.rows(
            f"SELECT id, owner FROM jobs WHERE ended_s IS NOT NULL AND state IN ({marks})", states
        )
        return {row["id"]: row["owner"] for row in found}

    def with_key(self, owner: str, key: str) -> str | None:
        """The id of the job of `owner` that came with `key`."""
        found = self._ledger.rows("SELECT id FROM jobs WHERE (owner, key) = (?, ?)", (owner, key))
        return found[0]["id"] if found else None

    def _row(self, row) -> JobRow:
        pictures = self._ledger.rows(
            "SELECT number, id FROM pictures WHERE job = ? AND number >= 0 ORDER BY number",
            (row["id"],),
        )
        failed = None
        if row["error"] is not None:
            failed = Failed(row["error"], row["message"], row["field"])
        return JobRow(
            row["id"],
            row["owner"],
            row["state"],
            row["request"],
            row["created_s"],
            row["ended_s"],
            row["elapsed_s"],
            failed,
            {each["number"]: each["id"] for each in pictures},
        )

    def _do(self, *statements: Statement) -> None:
        """Those, after what could not be kept before; they are kept all together."""
        with self._writing:
            unkept = [*self._unkept, *statements]
            try:
                with self._ledger.writing() as connection:
                    for sql, values in unkept:
                        connection.execute(sql, values)
                self._unkept = []
            except SaveError as error:
                log.warning("%s", error)
                self._unkept = unkept[-_MOST_UNKEPT:]

"""Pictures that the studio remembers, newest first."""

from __future__ import annotations

import dataclasses
import logging
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from studio.domain.errors import SaveError
from studio.store.ledger import Ledger
from studio.store.search import Search

log = logging.getLogger(__name__)

KEPT, TRASHED, GONE = "kept", "trashed", "gone"
"""States of a picture: it lies where it was stored; in the trash; nowhere (for now)."""

_ASKED_AT_ONCE = 500


@dataclass(frozen=True)
class Claim:
    """Which picture of which job somebody is about to store; `number` is its place in the batch, or
    `number_before` of that."""

    job: str | None = None
    number: int = 0
    owner: str | None = None


def number_before(number: int) -> int:
    """What stands for the picture `number` of a job as it was before its details."""
    return -1 - number


@dataclass(frozen=True)
class PictureRow:
    """A picture as it is remembered.

    created_us  when it was made, in microseconds since 1970, of each another
    path        below the outputs, when it is not in the trash
    hash        the first 32 hex digits of its file's sha256
    origin      that of the picture which its task begins with
    base        that of the picture which a part of `origin` was put into
    trashed_s   since when it is in the trash; None: it is not
    nsfw        how likely it shows nudity, 0 to 1, by the owner's filter; None: that did not look
    waits       until a teacher lets others see it
    parents     the ids of the pictures that it was made from, as far as they are remembered
    """

    id: str
    created_us: int
    path: str
    hash: str
    width: int
    height: int
    seed: int
    prompt: str = ""
    negative_prompt: str = ""
    checkpoint: str | None = None
    loras: tuple[str, ...] = ()
    task: str | None = None
    origin: str | None = None
    base: str | None = None
    partial: bool = False
    owner: str | None = None
    starred: bool = False
    boards: tuple[str, ...] = ()
    note: str = ""
    trashed_s: float | None = None
    nsfw: float | None = None
    waits: bool = False
    job: str | None = None
    number: int = 0
    parents: tuple[str, ...] = ()

    @property
    def created(self) -> datetime:
        return datetime.fromtimestamp(self.created_us // 10**6, UTC)

    @property
    def words(self) -> str:
        """What is searched."""
        task = (self.task or "").replace("_", " ")
        facts = (self.checkpoint or "", *self.loras, str(self.seed), f"{self.created:%Y-%m-%d}")
        return "\n".join((*facts, task, self.note, self.prompt, self.negative_prompt))


_COLUMNS = tuple(
    field.name
    for field in dataclasses.fields(PictureRow)
    if field.name not in ("loras", "boards", "parents")
)
_FLAGS = ("partial", "starred", "waits")
"""Columns that are 0 or 1."""
_ADD = (
    f"INSERT INTO pictures ({', '.join(_COLUMNS)}, state) "
    f"VALUES ({', '.join(f':{name}' for name in _COLUMNS)}, :state)"
)
PARENT = (
    "SELECT max(created_us) FROM pictures AS older WHERE older.hash = {child}.{link} "
    "AND older.created_us < {child}.created_us AND older.state <> 'gone'"
)
"""Of the pictures with the very bytes that a child begins with the newest that is older than it."""
LINKS = ("origin", "base")
"""The columns by which a child names its parents."""
_PARENTS = " UNION ".join(
    "SELECT child.created_us AS picture, parent.id AS name, parent.created_us AS made "
    "FROM pictures AS child JOIN pictures AS parent "
    f"ON parent.created_us = ({PARENT.format(child='child', link=link)}) "
    f"WHERE child.created_us IN ({{marks}}) AND child.{link} IS NOT NULL"
    for link in LINKS
)


class PictureLedger:
    """The pictures in `ledger`. Where the disk takes no more the studio draws on: what could not be
    remembered is logged, and found in the files at the next start."""

    def __init__(self, ledger: Ledger, full_text: bool | None = None) -> None:
        """`full_text`: as `Search` takes it."""
        self._ledger = ledger
        with ledger.writing() as connection:
            self._search = Search(connection, full_text)

    @property
    def ledger(self) -> Ledger:
        return self._ledger

    @property
    def search(self) -> Search:
        return self._search

    def claim(self, row: PictureRow, claim: Claim) -> bool:
        """`row` is about to be stored, as `claim` says. Never raises; False: it could not be
        remembered."""
        try:
            with self._ledger.writing() as connection:
                if claim.job is not None:  # stood for no file, or for one that cannot be read
                    where = "job = ? AND number = ?"
                    self._forget(connection, where, (claim.job, claim.number))
                self._put(connection, row, claim)
        except SaveError as error:
            log.warning("%s", error)
            return False
        return True

    def put(self, rows: Iterable[PictureRow]) -> None:
        """Remember these as they are, in place of what was known of their ids. Of which job they
        are is not changed by it. Raises `SaveError`."""
        with self._ledger.writing() as connection:
            for row in rows:
                was = self._forget(connection, "id = ?", (row.id,))
                self._put(connection, row, Claim(*was) if was else Claim(row.job, row.number))

    def forget(self, ids: Iterable[str]) -> None:
        """These were erased. Raises `SaveError`."""
        with self._ledger.writing() as connection:
            for id in ids:
                self._forget(connection, "id = ?", (id,))

    def gone(self, ids: Iterable[str]) -> None:
        """The files of these are not there (now). Raises `SaveError`."""
        with self._ledger.writing() as connection:
            for id in ids:
                key = _first(connection, "SELECT created_us FROM pictures WHERE id = ?", id)
                self._search.drop(connection, key)
                connection.execute("UPDATE pictures SET state = 'gone' WHERE id = ?", (id,))

    def index_anew(self) -> None:
        """Whatever the index of words was. Raises `SaveError`."""
        with self._ledger.writing() as connection:
            if self._search.full_text:
                connection.execute("INSERT INTO search (search) VALUES ('rebuild')")

    def free_us(self, created_us: int) -> int:
        """The first `created_us` from this one on that no picture has."""
        while self._ledger.rows("SELECT 1 FROM pictures WHERE created_us = ?", (created_us,)):
            created_us += 1
        return created_us

    def find(self, id: str) -> PictureRow | None:
        """One that is kept or in the trash."""
        return next(iter(self.find_all([id])), None)

    def find_all(self, ids: Sequence[str]) -> list[PictureRow]:
        """Those of them that are kept or in the trash, newest first."""
        rows: list[PictureRow] = []
        for start in range(0, len(ids), _ASKED_AT_ONCE):
            some = ids[start : start + _ASKED_AT_ONCE]
            marks = ", ".join("?" * len(some))
            rows += self.where(f"id IN ({marks}) AND state <> 'gone'", some)
        return sorted(rows, key=lambda row: -row.created_us)

    def of_job(self, claim: Claim) -> list[PictureRow]:
        """The one that `claim` speaks of, if it is there."""
        return self.where(
            "job = ? AND number = ? AND state <> 'gone'", (claim.job, claim.number), limit=1
        )

    def with_hash(self, hash: str) -> PictureRow | None:
        """The newest whose file has this content."""
        return next(iter(self.where("hash = ? AND state <> 'gone'", (hash,), limit=1)), None)

    def where(
        self, condition: str, values: Sequence[Any] = (), limit: int = -1
    ) -> list[PictureRow]:
        """Those that meet an SQL condition, newest first; `limit` −1: all."""
        return self.rows(
            self._ledger.rows(
                f"SELECT * FROM pictures WHERE {condition} ORDER BY created_us DESC LIMIT ?",
                (*values, limit),
            )
        )

    def rows(self, found: Sequence[sqlite3.Row]) -> list[PictureRow]:
        """`found` in the table `pictures`, with what other tables say of them."""
        keys = [row["created_us"] for row in found]
        marks = ", ".join("?" * len(keys))
        beside: dict[str, dict[int, list[str]]] = {}
        for table in ("boards", "loras"):
            beside[table] = self._lists(
                f"SELECT picture, name FROM {table} WHERE picture IN ({marks}) ORDER BY name", keys
            )
        parents = self._lists(f"{_PARENTS.format(marks=marks)} ORDER BY made", [*keys, *keys])
        return [
            PictureRow(
                **{name: row[name] for name in _COLUMNS if name not in _FLAGS},
                **{name: bool(row[name]) for name in _FLAGS},
                loras=tuple(beside["loras"].get(row["created_us"], ())),
                boards=tuple(beside["boards"].get(row["created_us"], ())),
                parents=tuple(parents.get(row["created_us"], ())),
            )
            for row in found
        ]

    def known(self) -> dict[str, tuple[str, int]]:
        """(state, when it was made) of all that were ever remembered, those that are gone too."""
        found = self._ledger.rows("SELECT id, state, created_us FROM pictures")
        return {row["id"]: (row["state"], row["created_us"]) for row in found}

    def boards(self) -> list[tuple[str, int]]:
        """(name, number of kept pictures on it), by name."""
        found = self._ledger.rows(
            "SELECT name, count(*) AS count FROM boards JOIN pictures ON created_us = picture "
            "WHERE state = 'kept' GROUP BY name ORDER BY name"
        )
        return [(row["name"], row["count"]) for row in found]

    def _lists(self, sql: str, values: Sequence[Any]) -> dict[int, list[str]]:
        lists: dict[int, list[str]] = {}
        for row in self._ledger.rows(sql, values):
            lists.setdefault(row["picture"], []).append(row["name"])
        return lists

    def _put(self, connection: sqlite3.Connection, row: PictureRow, claim: Claim) -> None:
        """One that is not there yet. Of a job that was forgotten meanwhile it is nobody's."""
        values = {name: getattr(row, name) for name in _COLUMNS} | {
            "state": KEPT if row.trashed_s is None else TRASHED,
            "job": _first(connection, "SELECT id FROM jobs WHERE id = ?", claim.job),
            "number": claim.number,
        }
        created_us = self.free_us(row.created_us)
        if created_us != row.created_us:
            row = dataclasses.replace(row, created_us=created_us)
        connection.execute(_ADD, values | {"created_us": row.created_us})
        for table, names in (("boards", row.boards), ("loras", row.loras)):
            connection.executemany(
                f"INSERT OR IGNORE INTO {table} (name, picture) VALUES (?, ?)",
                [(name, row.created_us) for name in names],
            )
        if row.trashed_s is None:
            self._search.put(connection, row.created_us, row.words)

    def _forget(
        self, connection: sqlite3.Connection, where: str, values: Sequence[Any]
    ) -> tuple[str | None, int] | None:
        """The picture, if there is one; returns of which job it was, and which of it."""
        was = connection.execute(
            f"SELECT created_us, job, number FROM pictures WHERE {where}", values
        ).fetchone()
        if was is None:
            return None
        self._search.drop(connection, was["created_us"])
        connection.execute("DELETE FROM pictures WHERE created_us = ?", (was["created_us"],))
        return was["job"], was["number"]


def _first(connection: sqlite3.Connection, sql: str, value: Any) -> Any:
    row = connection.execute(sql, (value,)).fetchone()
    return row and row[0]

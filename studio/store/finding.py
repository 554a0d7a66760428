"""Which pictures of the ledger: filters, pages, words."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from studio.domain.errors import InvalidRequest
from studio.store.pictures import KEPT, TRASHED, PictureLedger, PictureRow


@dataclass(frozen=True)
class Filters:
    """Of all pictures those that meet each of these; what is None or "" counts for nothing.

    search     words in prompt, negative prompt, checkpoint, LoRAs, seed, date (2026-11-27), task
               and note, as `store.search` reads them
    trashed    those in the trash instead of those that are not
    owner      the account whose they are
    waits      those that wait for the teacher of a class, or those that do not
    seen_by    an account: without those of others that wait
    since_us, until_us  made at or after the one, and before the other
    """

    search: str = ""
    starred: bool | None = None
    board: str | None = None
    trashed: bool = False
    checkpoint: str | None = None
    lora: str | None = None
    task: str | None = None
    owner: str | None = None
    seed: int | None = None
    waits: bool | None = None
    seen_by: str | None = None
    since_us: int | None = None
    until_us: int | None = None


def time_us(text: str | None, name: str) -> int | None:
    """A date or time in ISO 8601, of UTC unless it says otherwise, in microseconds since 1970; a
    date as `until` is meant with all its day. Raises `InvalidRequest` about the field `name`."""
    if not text:
        return None
    try:
        if len(text) == len("2026-11-27"):
            moment = datetime.combine(date.fromisoformat(text), time(), UTC)
            moment += timedelta(days=name == "until")
        else:
            moment = datetime.fromisoformat(text)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return int(moment.timestamp() * 10**6)
    except (ValueError, OverflowError):
        raise InvalidRequest(
            "this is no date or time. Write it as 2026-11-27 or 2026-11-27T03:05:12Z.", name
        ) from None


@dataclass(frozen=True)
class Page:
    """`next` is what `before` is for the next page, None at the end; `total` how many there are
    on all pages together."""

    rows: list[PictureRow]
    next: int | None
    total: int


def page(pictures: PictureLedger, filters: Filters, limit: int, before: int | None = None) -> Page:
    """The newest `limit` of those made before `before`, a `created_us`."""
    asked = _asked(pictures, filters)
    if asked.counted is None:
        sql = f"SELECT count(*) FROM {asked.table} WHERE {' AND '.join(asked.conditions)}"
        [counted] = pictures.ledger.rows(sql, asked.values)
    else:
        [counted] = pictures.ledger.rows(asked.counted, asked.values)
    if before is not None:
        asked.add(f"{asked.key} < ?", before)
    found = pictures.ledger.rows(
        f"SELECT pictures.* FROM {asked.table} WHERE {' AND '.join(asked.conditions)} "
        f"ORDER BY {asked.key} DESC LIMIT ?",
        [*asked.values, limit + 1],
    )
    rows = pictures.rows(found[:limit])
    return Page(rows, rows[-1].created_us if len(found) > limit else None, counted[0])


@dataclass
class _Asked:
    """A query under way. `key`: the column that orders what `table` gives; `counted`: SQL that
    counts sooner than by looking at each."""

    table: str = "pictures"
    key: str = "pictures.created_us"
    conditions: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    counted: str | None = None

    def add(self, condition: str, *values: Any) -> None:
        self.conditions.append(condition)
        self.values += values


def _asked(pictures: PictureLedger, filters: Filters) -> _Asked:
    """The narrowest table comes first, and says so: what it holds is in order already."""
    asked = _Asked()
    words = pictures.search.words(filters.search) if filters.search.strip() else None
    alone = dataclasses.replace(filters, search="") == Filters()
    if words and alone and pictures.search.full_text:
        return _Asked(
            "search CROSS JOIN pictures ON pictures.created_us = search.rowid",
            "search.rowid",
            ["search MATCH ?"],
            [pictures.search.phrases(words)],
            "SELECT count(*) FROM search WHERE search MATCH ?",
        )
    for name, table in (("board", "boards"), ("lora", "loras")):
        value = getattr(filters, name)
        if value and asked.table == "pictures":
            asked.table = f"{table} AS first CROSS JOIN pictures ON created_us = first.picture"
            asked.key = "first.picture"
            asked.add("first.name = ?", value)
        elif value:
            asked.add(
                f"EXISTS (SELECT 1 FROM {table} WHERE name = ? AND picture = created_us)", value
            )
    asked.add("pictures.state = ?", TRASHED if filters.trashed else KEPT)
    for name in ("checkpoint", "task", "owner", "seed"):
        value = getattr(filters, name)
        if value not in (None, ""):
            asked.add(f"pictures.{name} = ?", value)
    if filters.starred is not None:
        asked.add(f"pictures.starred = {int(filters.starred)}")
    if filters.waits is not None:
        asked.add(f"pictures.waits = {int(filters.waits)}")
    if filters.seen_by is not None:
        asked.add("(pictures.waits = 0 OR pictures.owner = ?)", filters.seen_by)
    for edge, sign in ((filters.since_us, ">="), (filters.until_us, "<")):
        if edge is not None:
            asked.add(f"{asked.key} {sign} ?", edge)
    if words is not None:
        _add_words(asked, pictures, words, filters.trashed)
    return asked


def _add_words(asked: _Asked, pictures: PictureLedger, words: list[str], trashed: bool) -> None:
    """What is in the trash is in no index."""
    if not words:
        asked.add("0")
    elif pictures.search.full_text and not trashed:
        # The plus keeps SQLite from looking each of them up.
        found = "(SELECT rowid FROM search WHERE search MATCH ?)"
        asked.add(f"+{asked.key} IN {found}", pictures.search.phrases(words))
    else:
        for pattern in pictures.search.patterns(words):
            asked.add(f"{_TEXT} LIKE ? ESCAPE '\\'", pattern)


_TEXT = "(" + " || ' ' || ".join(
    (
        "coalesce(pictures.checkpoint, '')",
        "coalesce((SELECT group_concat(name, ' ') FROM loras WHERE picture = created_us), '')",
        "pictures.seed",
        "date(pictures.created_us / 1000000, 'unixepoch')",
        "replace(coalesce(pictures.task, ''), '_', ' ')",
        "pictures.note",
        "pictures.prompt",
        "pictures.negative_prompt",
    )
) + ")"  # fmt: skip
"""As `PictureRow.words`."""

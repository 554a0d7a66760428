"""Which pictures of the ledger: filters, pages, words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from studio.store.pictures import KEPT, TRASHED, PictureLedger, PictureRow


@dataclass(frozen=True)
class Filters:
    """Of all pictures those that meet each of these; what is None or "" counts for nothing.

    search     words in prompt, negative prompt, checkpoint, LoRAs, seed, date (2026-11-27), task
               and note, as `store.search` reads them
    trashed    those in the trash instead of those that are not
    owner      the account whose they are
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
    since_us: int | None = None
    until_us: int | None = None


@dataclass(frozen=True)
class Page:
    """`next` is what `before` is for the next page, None at the end; `total` how many there are
    on all pages together."""

    rows: list[PictureRow]
    next: int | None
    total: int


def page(pictures: PictureLedger, filters: Filters, limit: int, before: int | None = None) -> Page:
    """The newest `limit` of those made before `before`, a `created_us`."""
    table, key, conditions, values = _asked(pictures, filters)
    where = " AND ".join(conditions)
    [counted] = pictures.ledger.rows(f"SELECT count(*) FROM {table} WHERE {where}", values)
    if before is not None:
        where, values = f"{where} AND {key} < ?", [*values, before]
    found = pictures.ledger.rows(
        f"SELECT pictures.* FROM {table} WHERE {where} ORDER BY {key} DESC LIMIT ?",
        [*values, limit + 1],
    )
    rows = pictures.rows(found[:limit])
    return Page(rows, rows[-1].created_us if len(found) > limit else None, counted[0])


def _asked(pictures: PictureLedger, filters: Filters) -> tuple[str, str, list[str], list[Any]]:
    """(tables, the column that orders, conditions, their values). The narrowest table comes first,
    and says so: what it holds is in order already."""
    table, key = "pictures", "pictures.created_us"
    conditions, values = ["pictures.state = ?"], [TRASHED if filters.trashed else KEPT]
    for name in ("checkpoint", "task", "owner", "seed"):
        value = getattr(filters, name)
        if value not in (None, ""):
            conditions.append(f"pictures.{name} = ?")
            values.append(value)
    if filters.starred is not None:
        conditions.append(f"pictures.starred = {int(filters.starred)}")
    for edge, sign in ((filters.since_us, ">="), (filters.until_us, "<")):
        if edge is not None:
            conditions.append(f"{key} {sign} ?")
            values.append(edge)
    for named, value in (("boards", filters.board), ("loras", filters.lora)):
        if value:
            conditions.append(f"EXISTS (SELECT 1 FROM {named} WHERE name = ? AND picture = {key})")
            values.append(value)
            if table == "pictures":
                table = f"{named} AS first CROSS JOIN pictures ON {key} = first.picture"
                conditions[-1], key = "first.name = ?", "first.picture"
    if filters.search.strip():
        begin, column, [condition, *searched] = pictures.search.asked(filters.search)
        conditions.append(condition)
        values += searched
        table = (
            f"{begin} CROSS JOIN pictures ON pictures.created_us = {begin}.{column}"
            if table == "pictures"
            else f"{table} JOIN {begin} ON {begin}.{column} = pictures.created_us"
        )
        key = f"{begin}.{column}" if key == "pictures.created_us" else key
    return table, key, conditions, values

"""Grids: which job draws which cell."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from studio.store.ledger import Ledger

Place = tuple[int, int, int]


@dataclass(frozen=True)
class GridRow:
    """`grid`: JSON, see `domain.grids.GridInput`, its seed fixed; `jobs`: by their place along x, y
    and z."""

    id: str
    owner: str
    created_s: float
    grid: str
    jobs: dict[Place, str]


class GridLedger:
    """The grids in `ledger`."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def put(self, row: GridRow) -> None:
        """A new one, or one whose cells are drawn by other jobs now."""
        jobs = json.dumps([[*place, id] for place, id in row.jobs.items()])
        with self._ledger.writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO accounts VALUES (?, ?)", (row.owner, row.created_s)
            )
            connection.execute(
                "INSERT INTO grids VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET jobs = excluded.jobs",
                (row.id, row.owner, row.created_s, row.grid, jobs),
            )

    def find(self, id: str) -> GridRow | None:
        found = self._ledger.rows("SELECT * FROM grids WHERE id = ?", (id,))
        return _row(found[0]) if found else None

    def page(
        self,
        limit: int,
        before: Sequence[float | str] = (),
        owner: str | None = None,
        axes: tuple[str, str] | None = None,
    ) -> list[GridRow]:
        """At most `limit`, newest first: those `before` that time and id, of `owner`, of these
        `axes` along x and y."""
        where, values = ["TRUE"], []
        if before:
            where.append("(created_s, id) < (?, ?)")
            values += before
        if owner is not None:
            where.append("owner = ?")
            values.append(owner)
        for name, axis in zip("xy", axes or (), strict=False):
            where.append(f"json_extract(grid, '$.{name}.axis') = ?")
            values.append(axis)
        found = self._ledger.rows(
            f"SELECT * FROM grids WHERE {' AND '.join(where)} "
            "ORDER BY created_s DESC, id DESC LIMIT ?",
            (*values, limit),
        )
        return [_row(row) for row in found]

    def forget(self, id: str) -> None:
        with self._ledger.writing() as connection:
            connection.execute("DELETE FROM grids WHERE id = ?", (id,))


def _row(row: Sequence) -> GridRow:
    id, owner, created_s, grid, jobs = row
    return GridRow(
        id, owner, created_s, grid, {(x, y, z): job for x, y, z, job in json.loads(jobs)}
    )

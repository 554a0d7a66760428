"""Grids at work: their cells are ordinary jobs, so they wait, run, outlast the process and end as
these do; what remains of one is which job drew which cell."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import Counter
from dataclasses import dataclass, replace

from studio.domain import grids
from studio.domain.accounts import LOCAL, check_owner
from studio.domain.errors import NotFound
from studio.domain.grids import GridInput
from studio.jobs.job import Job, JobState
from studio.jobs.queue import JobQueue
from studio.store.grids import GridLedger, GridRow, Place

_HELD = ""
"""In place of the job of a cell that waits for its grid to go on."""


@dataclass(frozen=True)
class Grid:
    """`jobs`: by place; None where there is none: the grid is paused, or the job was forgotten,
    which leaves its pictures."""

    row: GridRow
    grid: GridInput
    jobs: dict[Place, Job | None]

    def state(self, place: Place) -> str:
        """Of the cell there: that of its job, else paused or forgotten."""
        job = self.jobs[place]
        if job is not None:
            return job.state.value
        return "paused" if self.row.jobs[place] == _HELD else "forgotten"

    @property
    def states(self) -> Counter[str]:
        """How many cells are in which state."""
        return Counter(map(self.state, self.jobs))


class Grids:
    """Safe from many threads."""

    def __init__(self, queue: JobQueue, ledger: GridLedger) -> None:
        self._queue, self._ledger = queue, ledger

    def submit(self, grid: GridInput, key: str | None = None, owner: str = LOCAL) -> Grid:
        """Queue a job for each cell of `grid`, or none: raises as `JobQueue.submit_all` and
        `grids.cells` do. With the `key` of an earlier call of `owner` that grid comes back."""
        digest = hashlib.sha256(f"{owner}\n{key}".encode()).hexdigest()[:16]
        id = digest if key else secrets.token_urlsafe(12)
        row = self._ledger.find(id)
        if row is not None:
            return self._grid(row)
        grid = grid.model_copy(update={"request": grid.request.with_seed()})
        cells = grids.cells(grid)
        jobs = self._queue.submit_all(
            [cell.request for cell in cells], key and f"grid/{key}", owner
        )
        places = {cell.place: job.id for cell, job in zip(cells, jobs, strict=False)}
        row = GridRow(id, owner, time.time(), grid.model_dump_json(), places)
        self._ledger.put(row)
        return self._grid(row)

    def get(self, id: str) -> Grid:
        """Raises `NotFound`."""
        return self._grid(self._row(id))

    def page(
        self,
        limit: int,
        before: tuple[float, str] | tuple[()] = (),
        owner: str | None = None,
        axes: tuple[str, str] | None = None,
    ) -> list[Grid]:
        """Newest first: all, those of `owner`, those of these `axes` along x and y."""
        return [self._grid(row) for row in self._ledger.page(limit, before, owner, axes)]

    def cancel(self, id: str, account: str = LOCAL) -> Grid:
        """Stop all of its cells that wait or run; those drawn stay. Raises `NotFound`, and
        `NotYours`."""
        grid = self._owned(id, account)
        for job in grid.jobs.values():
            if job is not None and not job.events.closed:
                self._queue.cancel(job.id)
        return self.get(id)

    def again(self, id: str, places: list[Place] | None = None, account: str = LOCAL) -> Grid:
        """Draw cells once more, by their settings: those at `places`, or all that were not
        finished. Raises `NotFound`, and `NotYours`."""
        grid = self._owned(id, account)
        if places is None:
            lacking = (JobState.FAILED, JobState.CANCELLED)
            places = [at for at, job in grid.jobs.items() if job is None or job.state in lacking]
        return self._drawn(grid, places)

    def pause(self, id: str, account: str = LOCAL) -> Grid:
        """Take its cells that wait out of the queue, through a restart too; what is under way is
        drawn to its end. Raises `NotFound`, and `NotYours`."""
        grid = self._owned(id, account)
        waiting = (at for at, job in grid.jobs.items() if job and job.state is JobState.QUEUED)
        held = {at: _HELD for at in waiting if self._queue.withdraw(grid.row.jobs[at])}
        if held:
            self._ledger.put(replace(grid.row, jobs=grid.row.jobs | held))
        return self.get(id)

    def resume(self, id: str, account: str = LOCAL) -> Grid:
        """Queue the cells that wait for it, after the other jobs of its owner. Raises `NotFound`,
        `NotYours` and, as nothing is queued then, `QueueFull`."""
        grid = self._owned(id, account)
        return self._drawn(grid, [at for at, job in grid.row.jobs.items() if job == _HELD])

    def _drawn(self, grid: Grid, places: list[Place]) -> Grid:
        id = grid.row.id
        by_place = {cell.place: cell for cell in grids.cells(grid.grid)}
        cells = [by_place[at] for at in places if at in by_place]
        if len(cells) < len(places):
            raise NotFound(f"Grid {id} has no such cell.")
        if not cells:
            return grid
        jobs = self._queue.submit_all([cell.request for cell in cells], owner=grid.row.owner)
        drawn = {cell.place: job.id for cell, job in zip(cells, jobs, strict=True)}
        self._ledger.put(replace(grid.row, jobs=grid.row.jobs | drawn))
        return self.get(id)

    def forget(self, id: str, account: str = LOCAL) -> None:
        """Cancel what is left of it, and forget it; its pictures stay."""
        self.cancel(id, account)
        self._ledger.forget(id)

    def _owned(self, id: str, account: str) -> Grid:
        row = self._row(id)
        check_owner(account, row.owner, f"Grid {id}")
        return self._grid(row)

    def _row(self, id: str) -> GridRow:
        row = self._ledger.find(id)
        if row is None:
            raise NotFound(f"There is no grid {id}. It was deleted, or never was.")
        return row

    def _grid(self, row: GridRow) -> Grid:
        jobs = {place: self._job(id) if id else None for place, id in row.jobs.items()}
        return Grid(row, GridInput.model_validate_json(row.grid), jobs)

    def _job(self, id: str) -> Job | None:
        try:
            return self._queue.get(id)
        except NotFound:
            return None

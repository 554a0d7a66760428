"""What a run has on loan: the models of one selection after the other."""

from __future__ import annotations

from collections.abc import Iterator

from studio.domain.events import Loading
from studio.domain.refs import Selection
from studio.engine.run import StableDiffusionRun
from studio.residence.lease import Lease
from studio.residence.manager import ModelManager


class Borrowed:
    """The lease of `run`, which ends with its `with` block."""

    def __init__(self, run: StableDiffusionRun, manager: ModelManager) -> None:
        self._run, self._manager = run, manager
        self._lease: Lease | None = None

    def take(self, selection: Selection) -> Iterator[Loading]:
        """Have `selection` on loan, giving back what was before, since who waits holds nothing.
        Yields nothing where it is in memory. Raises as `ModelManager.prepare` does."""
        if self._lease is not None and self._lease.selection == selection:
            return
        self.end()
        self._lease = self._manager.borrow(selection, self._run, self._run.alone)
        for stage, fraction in self._manager.prepare(self._lease):
            yield Loading(stage, fraction)

    @property
    def lease(self) -> Lease:
        """That of the last `take`, once it is through."""
        return self._lease

    def end(self) -> None:
        if self._lease is not None:
            self._lease.end()
            self._lease = None

    def __enter__(self) -> Borrowed:
        return self

    def __exit__(self, *raised: object) -> None:
        self.end()

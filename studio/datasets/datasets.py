"""Datasets drawn: in the caller's thread, or beside everything else, one after the other, for the
page."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from studio.datasets import starting
from studio.datasets.generating import DatasetEvent, generate
from studio.datasets.spec import DatasetSpec
from studio.datasets.starting import Desk


class Datasets:
    """Drawn by what `desk` offers; those of the page lie in `folder`. Safe from many threads."""

    def __init__(self, desk: Desk, folder: Path) -> None:
        self._desk, self.folder = desk, folder
        self._closing = threading.Event()

    def generate(
        self,
        spec: DatasetSpec,
        folder: Path,
        resume: bool = False,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Iterator[DatasetEvent]:
        """Draw `spec` into `folder`, event by event; `stopped` is asked between pictures. Raises as
        `starting.task` and `generating.generate` do."""
        task = starting.task(spec, folder, self._desk)
        return generate(task, resume, lambda: self._closing.is_set() or stopped())

    def close(self) -> None:
        """End what is drawn, after the picture under way."""
        self._closing.set()

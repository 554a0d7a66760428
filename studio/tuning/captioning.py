"""Folders of pictures, captioned by a network that the user has: in the device's thread, between
two steps of what is drawn."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from studio.catalog import captioners
from studio.catalog.catalog import Catalog
from studio.catalog.places import subfolder
from studio.domain.errors import QueueFull
from studio.domain.imports import IMPORTING
from studio.domain.training import Captioned
from studio.jobs.errands import Pieces


@dataclass(frozen=True)
class Captioning:
    """catalog  whose folders captioners lie in
    models   the folder of models that more of them belong into
    device   as on the command line
    errand   has the device's thread do something in pieces
    """

    catalog: Catalog
    models: Path
    device: str
    errand: Callable[[Pieces], Future]

    def names(self) -> list[str]:
        """The captioners that there are."""
        return captioners.names(self.catalog.roots)

    def write(
        self, folder: Path, captioner: str | None = None, overwrite: bool = False
    ) -> Iterator[Captioned]:
        """Caption the pictures of `folder` that have none (`overwrite`: all), one each time that
        the next is asked for. `captioner` is a name; None: the first. Raises as `looks`, and as
        `captions.write`."""
        for look in self.looks(folder, captioner, overwrite):
            if told := look.result():
                yield told

    def looks(
        self, folder: Path, captioner: str | None, overwrite: bool
    ) -> Iterator[Future[Captioned | None]]:
        """The same for those that do not wait: each is to be done before the next is asked for;
        None comes after the last. Raises `InvalidRequest` where there is no such captioner or no
        picture, when the first is asked for, and `QueueFull`."""
        belongs = subfolder(self.models.absolute(), "captioner")
        network = captioners.find(self.catalog.roots, captioner, belongs)
        with IMPORTING:
            from studio.training import captions

        pictures = captions.wanting(folder, overwrite)
        work = captions.write(pictures, folder, network, self.device, overwrite)
        try:
            while True:
                look = self.errand(partial(_next, work))
                yield look
                if look.result() is None:
                    return
        finally:
            with suppress(QueueFull):  # there, since that thread may be at work with it
                self.errand(partial(_end, work))


def _next(work: Iterator[Captioned]) -> Generator[None, None, Captioned | None]:
    return next(work, None)
    yield


def _end(work: Generator[Captioned, None, None]) -> Generator[None, None, None]:
    work.close()
    return
    yield

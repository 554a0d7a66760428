"""Folders of pictures, captioned by a network that the user has: in the device's thread, between
two steps of what is drawn."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from studio.catalog import captioners
from studio.catalog.catalog import Catalog
from studio.catalog.places import subfolder
from studio.domain.errors import OutOfMemory, QueueFull
from studio.domain.imports import IMPORTING
from studio.domain.training import Captioned
from studio.jobs.errands import NotNow, Pieces

if TYPE_CHECKING:  # these import torch
    from studio.residence.networks import Networks, Wanted
    from studio.training.captions import Blip
    from studio.training.dataset import TrainingPicture


@dataclass(frozen=True)
class Captioning:
    """catalog   whose folders captioners lie in
    models    the folder of models that more of them belong into
    networks  lends what captions, and gives it up when room is needed for what is drawn; asked in
              the device's thread, as is
    is_lent   whether what is drawn holds models
    errand    has the device's thread do something in pieces
    """

    catalog: Catalog
    models: Path
    networks: Callable[[], Networks]
    is_lent: Callable[[], bool]
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
        None comes after the last. Whoever closes it ends it, and what is written stays. Raises
        `InvalidRequest` where there is no such captioner or no picture and `CheckpointError` where
        it cannot be read, when the first is asked for, and `QueueFull`."""
        belongs = subfolder(self.models.absolute(), "captioner")
        found = captioners.find(self.catalog.roots, captioner, belongs)
        with IMPORTING:
            from studio.training import captions

        pictures = captions.wanting(folder, overwrite)
        wanted = captions.captioner(found)
        try:
            for done, picture in enumerate(pictures, 1):
                at = folder, (done, len(pictures))
                yield self.errand(partial(self._written, wanted, picture, overwrite, *at))
            yield self.errand(partial(self._given_up, wanted))
        finally:
            with suppress(QueueFull):  # there, since that thread may be at work with it
                self.errand(partial(self._given_up, wanted))

    def _written(
        self,
        wanted: Wanted[Blip],
        picture: TrainingPicture,
        overwrite: bool,
        folder: Path,
        place: tuple[int, int],
    ) -> Generator[None, None, Captioned]:
        from studio.training import captions

        networks = self.networks()
        try:
            with networks.lend(wanted) as network:
                caption = captions.write(picture, network, overwrite)
        except OutOfMemory:
            if networks.has(wanted) or not self.is_lent():
                raise
            raise NotNow(f"{wanted.name} waits for what is drawn") from None
        return Captioned(picture.path.relative_to(folder).as_posix(), caption, *place)
        yield

    def _given_up(self, wanted: Wanted) -> Generator[None, None, None]:
        self.networks().give_up(wanted)
        return
        yield

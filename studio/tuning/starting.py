"""The settings -> what can be learnt from, and what trains on it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from studio.catalog.catalog import Catalog
from studio.gallery.files import Gallery
from studio.jobs.queue import JobQueue
from studio.settings import Settings
from studio.tuning.captioning import Captioning
from studio.tuning.school import StudioSchool
from studio.tuning.sets import PictureSets

if TYPE_CHECKING:  # these import torch
    from studio.residence.manager import ModelManager
    from studio.residence.networks import Networks


def school_of(
    settings: Settings,
    catalog: Catalog,
    gallery: Gallery,
    queue: Callable[[], JobQueue],
    manager: Callable[[], ModelManager | None],
) -> StudioSchool:
    """`queue` is asked for when something is drawn, since it is made later; so is `manager`, which
    an engine without models has not."""
    base = settings.models_dir[0] if settings.models_dir else settings.downloads_dir
    sets = PictureSets(settings.sets_dir, settings.pictures_dir, gallery)
    captioning = Captioning(
        catalog,
        base,
        _networks(settings.device, manager),
        lambda: (found := manager()) is not None and found.is_lent_to_others(captioning),
        lambda pieces: queue().errand(pieces),
    )
    of = settings.training_dir, settings.device, settings.checkpoint, captioning
    return StudioSchool(catalog, sets, queue, base, *of)


def _networks(device: str, manager: Callable[[], ModelManager | None]) -> Callable[[], Networks]:
    """Those of the manager; where there is none, some on `device`, beside which nothing is."""

    @cache
    def alone() -> Networks:
        from studio.residence.device import choose_device
        from studio.residence.networks import Networks

        return Networks(choose_device(device), lambda name, size_bytes: None)

    return lambda: found.networks if (found := manager()) else alone()

"""The settings -> what can be learnt from, and what trains on it."""

from __future__ import annotations

from collections.abc import Callable

from studio.catalog.catalog import Catalog
from studio.gallery.files import Gallery
from studio.jobs.queue import JobQueue
from studio.settings import Settings
from studio.tuning.school import StudioSchool
from studio.tuning.sets import PictureSets


def school_of(
    settings: Settings, catalog: Catalog, gallery: Gallery, queue: Callable[[], JobQueue]
) -> StudioSchool:
    """`queue` is asked for when something is drawn, since it is made later."""
    base = settings.models_dir[0] if settings.models_dir else settings.downloads_dir
    sets = PictureSets(settings.sets_dir, settings.pictures_dir, gallery)
    of = settings.training_dir, settings.device, settings.checkpoint
    return StudioSchool(catalog, sets, queue, base, *of)

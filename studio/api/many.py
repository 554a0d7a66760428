"""Many pictures at one call: grids, variations, lists of jobs."""

from __future__ import annotations

from fastapi import APIRouter

from studio.api.grids import build_grids_router
from studio.api.lists import build_lists_router
from studio.api.places import PublicText
from studio.api.variations import build_variations_router
from studio.gallery.files import Gallery
from studio.jobs.grids import Grids
from studio.jobs.outlook import Outlook
from studio.jobs.queue import JobQueue
from studio.reading.reader import Reader
from studio.safety.desk import Safety


def build_many_router(
    queue: JobQueue,
    at_work: Grids,
    outlook: Outlook,
    gallery: Gallery,
    reader: Reader,
    public: PublicText,
    *,
    safety: Safety,
) -> APIRouter:
    """All their routes. Messages are made `public`."""
    router = APIRouter()
    router.include_router(build_lists_router(queue, outlook))
    router.include_router(build_grids_router(at_work, outlook, gallery, safety, public))
    router.include_router(build_variations_router(at_work, outlook, gallery, reader, public))
    return router

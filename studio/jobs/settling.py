"""A request as it was asked -> the one that is queued: nothing left open, nothing impossible."""

from __future__ import annotations

from collections.abc import Callable

from studio.catalog.catalog import Catalog
from studio.catalog.settle import settle
from studio.domain.control import ControlInput
from studio.domain.detailers import Detailer
from studio.domain.errors import about
from studio.domain.request import GenerationRequest
from studio.domain.tasks import Inpaint, Outpaint
from studio.gallery.sources import Sources
from studio.imaging import plans
from studio.jobs.workload import Workload, workload


class Settling:
    """What the queue asks of every request, and so HTTP and the page: reads no file by its path.

    check_unit  raises `InvalidRequest` where a unit's preprocessor cannot run; its second argument
                says whether the task has a mask
    check_detailer  raises it where a detailer's detector cannot look
    words       a request, and the account that asks -> the same with its words settled
    checkpoint  for requests that name none; None: the catalog's first
    """

    def __init__(
        self,
        catalog: Catalog,
        sources: Sources,
        *,
        check_unit: Callable[[ControlInput, bool], None],
        check_detailer: Callable[[Detailer], None],
        words: Callable[[GenerationRequest, str], GenerationRequest],
        checkpoint: str | None,
    ) -> None:
        self._catalog = catalog
        self._sources = sources
        self._check_unit, self._check_detailer = check_unit, check_detailer
        self._words = words
        self._checkpoint = checkpoint

    def completed(self, request: GenerationRequest, account: str) -> GenerationRequest:
        """`request` of `account` with its pictures kept, and checkpoint, size, seed and the names
        of models fixed. Raises `InvalidRequest` and its kinds, or `SaveError`."""
        if request.checkpoint is None:
            request = request.model_copy(update={"checkpoint": self._checkpoint})
        has_mask = isinstance(request.task, (Inpaint, Outpaint))
        for place, unit in enumerate(request.controls):
            with about(f"controls.{place}"):
                self._check_unit(unit, has_mask)
        for place, detailer in request.active_detailers.items():
            with about(f"detailers.{place}"):
                self._check_detailer(detailer)
        request = self._sources.kept(self._words(request, account))
        image_size = self._sources.size(request.task)
        size = plans.source_size(request.task, image_size) if image_size else None
        return settle(self._catalog, request, size)

    def workload(self, request: GenerationRequest) -> Workload:
        """Of `request`, which is settled. Raises `NotFound` where its picture is gone."""
        return workload(request, self._sources.size(request.task))

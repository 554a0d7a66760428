"""Variations of a picture: a grid of others like it."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Header

from studio.api.answers import EVERYWHERE, refusals
from studio.api.caller import Account
from studio.api.grids import GridBody, ManyForecastBody, foretold, grid_body
from studio.api.places import PublicText
from studio.api.wire import PREFIX
from studio.domain import grids, variations
from studio.domain.errors import InvalidRequest, NotFound
from studio.domain.grids import GridInput
from studio.domain.request import GenerationRequest
from studio.domain.variations import VariationsInput
from studio.gallery.files import Gallery
from studio.jobs.grids import Grids
from studio.jobs.outlook import Outlook
from studio.reading.reader import Reader


def build_variations_router(
    at_work: Grids, outlook: Outlook, gallery: Gallery, reader: Reader, public: PublicText
) -> APIRouter:
    """The routes `/studio/v1/images/{id}/variations`. Messages are made `public`."""
    router = APIRouter(prefix=f"{PREFIX}/images", tags=["jobs"], responses=EVERYWHERE)

    def grid(id: str, wanted: VariationsInput) -> GridInput:
        return variations.grid_of(wanted, id, made_by(id, gallery.bytes(id)))

    def made_by(id: str, data: bytes) -> GenerationRequest | None:
        with suppress(NotFound):
            return gallery.request(id)
        reading = reader.read(data)
        with suppress(InvalidRequest):
            return None if reading.source == "none" else GenerationRequest.parse(reading.request)
        return None

    @router.post("/{id}/variations", responses=refusals(404, 422, 507))
    def vary(
        id: str,
        wanted: VariationsInput,
        account: Account,
        key: Annotated[str | None, Header(alias="Idempotency-Key", max_length=200)] = None,
    ) -> GridBody:
        """Queue 4 to 16 variations of a picture, as the cells of a grid: by the noise of its own
        settings, or beginning with the picture itself, which is their parent then."""
        return grid_body(at_work.submit(grid(id, wanted), key, account), public)

    @router.post("/{id}/variations/forecast", responses=refusals(404, 422, 507))
    def forecast(id: str, wanted: VariationsInput, account: Account) -> ManyForecastBody:
        """How long they would take."""
        cells = grids.cells(grid(id, wanted))
        return foretold(outlook, [cell.request for cell in cells], account)

    return router

"""A request with the catalog's names for every model, and nothing left open.

The checkpoints of its further drawings are held against the first: they go on with its latents.
"""

from __future__ import annotations

from typing import Any

from studio.catalog import detectors, tile_controls, upscaler_names
from studio.catalog.catalog import Catalog
from studio.catalog.prompts import about_network, with_networks_taken_out
from studio.catalog.select import select
from studio.domain.detailers import Detailer
from studio.domain.errors import InvalidRequest, about
from studio.domain.geometry import Size
from studio.domain.refs import ModelRef
from studio.domain.request import GenerationRequest


def settle(
    catalog: Catalog, request: GenerationRequest, source_size: Size | None = None
) -> GenerationRequest:
    """`request` with nothing left open, and with every model under the catalog's name for it.

    `source_size` is that of the picture it begins with, if any. Raises as `select` does, and
    `InvalidRequest` where a checkpoint cannot go on with what the one before has drawn.
    """
    asked = request
    request = with_networks_taken_out(request) if request.draws else request.undrawn()
    request = request.model_copy(update=upscaler_names.settled(catalog, request))
    request = request.model_copy(update=tile_controls.settled(catalog, request))
    try:
        selection = select(catalog, request.as_told())
    except InvalidRequest as error:
        raise about_network(error, asked) from None
    loras = tuple(
        lora.model_copy(update={"name": use.ref.name})
        for lora, use in zip(request.loras, selection.loras, strict=True)
    )
    vae = selection.vae.name if selection.vae else None
    controls = tuple(
        unit.model_copy(update={"controlnet": catalog.find(unit.controlnet, "controlnet").name})
        for unit in request.controls
    )
    checkpoint = selection.checkpoint
    settled = request.settled(checkpoint.name, checkpoint.family, source_size)
    names = {"vae": vae, "loras": loras, "controls": controls}
    settled = settled.model_copy(update=names | _further(catalog, request, checkpoint))
    settled = settled.model_copy(update={"detailers": _detailers(catalog, settled)})
    if settled.hires:
        bare = settled.second().model_copy(update={"loras": (), "controls": ()})
        with about("hires"):
            select(catalog, bare)  # what its family has against its sampler
    return settled


def _detailers(catalog: Catalog, request: GenerationRequest) -> tuple[Detailer, ...]:
    """Those of `request`, which is settled otherwise."""
    settled = []
    for place, one in enumerate(request.detailers):
        with about(f"detailers.{place}"):
            loras = tuple(
                lora.model_copy(update={"name": catalog.find(lora.name, "lora").name})
                for lora in one.loras
            )
            detector = detectors.name_of(catalog, one.detector)
            one = one.model_copy(update={"detector": detector, "loras": loras})
            if one.active:
                select(catalog, request.detail(one, 0, 0))  # what its family has against it
        settled.append(one)
    return tuple(settled)


def _further(catalog: Catalog, request: GenerationRequest, first: ModelRef) -> dict[str, Any]:
    """`hires` and `refiner` with the catalog's names for their checkpoints; `first` draws first."""
    settled: dict[str, Any] = {}
    before = first
    if request.hires and request.hires.checkpoint:
        with about("hires"):
            before = _fitting(catalog, request.hires.checkpoint, first)
        settled["hires"] = request.hires.model_copy(update={"checkpoint": before.name})
    if request.refiner:
        with about("refiner"):
            refiner = _fitting(catalog, request.refiner.checkpoint, before)
            _check_goes_on(refiner, before)
        settled["refiner"] = request.refiner.model_copy(update={"checkpoint": refiner.name})
    return settled


def _fitting(catalog: Catalog, name: str, before: ModelRef) -> ModelRef:
    ref = select(catalog, GenerationRequest(checkpoint=name)).checkpoint
    if ref.family.latent_space != before.family.latent_space:
        fit = [
            other.name
            for other in catalog.refs("checkpoint")
            if other.family and other.family.latent_space == before.family.latent_space
        ]
        raise InvalidRequest(
            f"{ref.name} is {ref.family.name} and cannot go on with the latents of {before.name}, "
            f"which is {before.family.name}. Choose one of: {', '.join(fit)}.",
            "checkpoint",
        )
    return ref


def _check_goes_on(refiner: ModelRef, before: ModelRef) -> None:
    """In the midst of a run the noise is what it is."""
    if refiner.facts.task != before.facts.task:
        raise InvalidRequest(
            f"{refiner.name} is for {refiner.facts.task}, and {before.name} for "
            f"{before.facts.task}. Choose one of the same kind.",
            "checkpoint",
        )
    kinds = [(ref.prediction_type or "epsilon", ref.zero_snr) for ref in (refiner, before)]
    if kinds[0] != kinds[1]:
        raise InvalidRequest(
            f"{refiner.name} predicts something else than {before.name} (epsilon, v_prediction, "
            "or v_prediction with zero SNR). Choose one trained alike, or draw a second time with "
            "it: hires with a factor of 1.",
            "checkpoint",
        )

"""What a request calls its upscalers -> the networks they stand for."""

from __future__ import annotations

from typing import Any

from studio.catalog.catalog import Catalog
from studio.catalog.otherwise import of_another_kind
from studio.domain.errors import UnknownModel, shorten
from studio.domain.refs import ModelRef
from studio.domain.request import GenerationRequest
from studio.domain.stages import PIXEL_UPSCALERS, UPSCALERS
from studio.domain.tasks import Upscale

_MOST_LISTED = 20


def named_in(catalog: Catalog, request: GenerationRequest) -> tuple[ModelRef, ...]:
    """The networks that `request` enlarges with, each once. Raises `UnknownModel`."""
    names = []
    if isinstance(request.task, Upscale):
        fields = ("upscaler", "upscaler_2")
        names = [(getattr(request.task, field), field, PIXEL_UPSCALERS) for field in fields]
    elif request.hires:
        names = [(request.hires.upscaler, "hires.upscaler", UPSCALERS)]
    refs = (_network(catalog, name, field, own) for name, field, own in names if name)
    return tuple({ref.name: ref for ref in refs if ref}.values())


def settled(catalog: Catalog, request: GenerationRequest) -> dict[str, Any]:
    """Those of the fields of `request` that name upscalers, with the catalog's names, and one where
    none was named."""
    task = request.task
    if isinstance(task, Upscale):
        refs = catalog.refs("upscaler")
        first = task.upscaler or (refs[0].name if refs else PIXEL_UPSCALERS[0])
        names = {"upscaler": first, "upscaler_2": task.upscaler_2}
        known = {
            field: name and _named(catalog, name, field, PIXEL_UPSCALERS)
            for field, name in names.items()
        }
        return {"task": task.model_copy(update=known)}
    if request.hires:
        name = _named(catalog, request.hires.upscaler, "hires.upscaler", UPSCALERS)
        return {"hires": request.hires.model_copy(update={"upscaler": name})}
    return {}


def _named(catalog: Catalog, name: str, field: str, own: tuple[str, ...]) -> str:
    ref = _network(catalog, name, field, own)
    return ref.name if ref else name


def _network(catalog: Catalog, name: str, field: str, own: tuple[str, ...]) -> ModelRef | None:
    """None for one of `own`, which need no network."""
    if name in own:
        return None
    try:
        return catalog.find(name, "upscaler")
    except UnknownModel:
        pass
    names = [*own, *(ref.name for ref in catalog.refs("upscaler"))]
    listed = ", ".join(names[:_MOST_LISTED])
    listed += f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    what = of_another_kind(catalog, name, "upscaler")
    message = what or f"{shorten(name)} is no upscaler that is known."
    raise UnknownModel(f"{message} There are: {listed}.", field)

"""All that a picture's file says of it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

from studio.domain import infotext_reader
from studio.domain.detailers import Detail
from studio.domain.errors import InvalidRequest
from studio.domain.provenance import Provenance, UsedModel
from studio.domain.request import GenerationRequest
from studio.gallery.files import Gallery
from studio.gallery.packing import details_in, noted
from studio.reading.metadata import metadata

_HASHES = {"checkpoint": "Model hash", "vae": "VAE hash"}
_DIGITS = 10
"""Of a hash, as the infotext has them."""
_LISTS_OF_HASHES = {"lora": "Lora hashes", "embedding": "TI hashes"}


@dataclass(frozen=True)
class Details:
    """`request` and `provenance` are None where the file does not hold one; `models` are then those
    that the infotext names; `sheet`: it shows several pictures; the rest is as in
    `events.Picture`."""

    request: GenerationRequest | None
    infotext: str
    partial: bool
    warnings: tuple[str, ...]
    outside_mask_max_difference: int | None
    models: tuple[UsedModel, ...]
    provenance: Provenance | None
    details: tuple[Detail, ...]
    size_bytes: int
    mixed: bool
    sheet: bool


def details(gallery: Gallery, id: str) -> Details:
    """Of the picture `id`. Raises `NotFound`."""
    return told(gallery.bytes(id))


def told(data: bytes) -> Details:
    """What the file of these bytes says; of one that is no picture nothing."""
    request = None
    said = metadata(data).texts
    with suppress(InvalidRequest):
        request = GenerationRequest.parse(said.get("studio", ""))
    difference, warnings = noted(said)
    text = said.get("parameters", "")
    provenance = Provenance.read(said.get("studio-provenance", ""))
    return Details(
        request,
        text,
        "studio-partial" in said,
        warnings,
        difference,
        _shown(provenance.models) if provenance else _models(text, request),
        provenance,
        details_in(said),
        len(data),
        "studio-mixed" in said,
        "studio-sheet" in said,
    )


def _shown(models: tuple[UsedModel, ...]) -> tuple[UsedModel, ...]:
    return tuple(replace(model, hash=model.hash and model.hash[:_DIGITS]) for model in models)


def _models(text: str, request: GenerationRequest | None) -> tuple[UsedModel, ...]:
    settings = infotext_reader.read(text).settings
    hashes = {
        (kind, name): digits
        for kind, label in _LISTS_OF_HASHES.items()
        for name, digits in infotext_reader.hashes(settings.get(label, "")).items()
    }
    named = list(hashes)
    if request is None:
        named.insert(0, ("checkpoint", settings.get("Model")))
    else:
        named += [("lora", lora.name) for lora in request.loras]
        named += [("controlnet", unit.controlnet) for unit in request.as_told().controls]
        named[:0] = [("checkpoint", request.checkpoint), ("vae", request.vae)]
    for kind, label in _HASHES.items():
        for name in [name for key, name in named if key == kind]:
            hashes.setdefault((kind, name), settings.get(label))
    used = {(kind, name): hashes.get((kind, name)) for kind, name in named if name}
    return tuple(UsedModel(kind, name, digits or None) for (kind, name), digits in used.items())

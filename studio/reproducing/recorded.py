"""A picture's file -> the request that makes it again, and what is known of how it was made."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from studio.catalog.catalog import Catalog
from studio.domain import infotext_reader
from studio.domain.control import ControlInput
from studio.domain.errors import CheckpointError, InvalidRequest, NotFound, UnknownModel
from studio.domain.provenance import Provenance, UsedModel
from studio.domain.refs import ModelRef
from studio.domain.request import GenerationRequest
from studio.domain.tasks import Task
from studio.gallery.details import Details, told
from studio.gallery.inputs import Inputs
from studio.gallery.library import Library
from studio.gallery.sources import named_in
from studio.imaging import reading
from studio.reading.reader import Reader
from studio.reading.record import Ignored, Reading

_NAMED = ("checkpoint", "vae", "lora", "embedding", "controlnet", "upscaler")
"""Kinds of models that a request names; others stand in for what these lack."""
_FIELDS = {
    "checkpoint": ("checkpoint",),
    "vae": ("vae",),
    "controlnet": ("controlnet", "tile_controlnet"),
    "upscaler": ("upscaler", "upscaler_2"),
    "lora": ("name",),
}
"""Kind -> what the fields are called that name such models, wherever they are in a request."""
_MOST_READ_BYTES = 8 * 2**30
"""Of models that are looked through for one that was renamed."""
_LOSSY = ("JPEG", "MPO", "WEBP", "AVIF", "GIF")
_OURS = re.compile(r"Latent Studio (\S+)")


@dataclass(frozen=True)
class Recorded:
    """`request` makes the picture again; `then`: what it was made with, as far as its file tells;
    `ignored`: settings that were not understood; `notes`: what else to know, a sentence each."""

    request: GenerationRequest
    then: Provenance
    ignored: tuple[Ignored, ...] = ()
    notes: tuple[str, ...] = ()


class Records:
    """Reads them. Safe from many threads."""

    def __init__(self, catalog: Catalog, reader: Reader, library: Library, inputs: Inputs) -> None:
        self._catalog, self._reader = catalog, reader
        self._library, self._inputs = library, inputs

    def read(self, data: bytes) -> Recorded:
        """Of the picture in `data`.

        Raises `InvalidRequest` where it is none, is a sheet of several, holds no settings, or began
        with a picture that is not here any more, and `UnknownModel` where a model is not here, by
        name and hash.
        """
        _, format = reading.size_of(data)
        said = told(data)
        if said.sheet:
            raise InvalidRequest(
                "This is a sheet of several pictures, put together after they were drawn. Draw "
                "the pictures on it again, one by one."
            )
        notes = _notes(format, said)
        if said.request is None:
            return self._read_of_others(data, said, notes)
        then = said.provenance or _known(said)
        request, renamed = self._with_models_here(said.request, then.models)
        return Recorded(self._with_pictures_here(request), then, (), (*notes, *renamed))

    def _read_of_others(self, data: bytes, said: Details, notes: tuple[str, ...]) -> Recorded:
        """Of another studio, or another version of this one."""
        found = self._reader.read(data)
        _check(found)
        request = GenerationRequest.parse(found.request)
        if len(request.places) > 1:
            request = request.model_copy(update={"batch_size": 1})
        then = said.provenance or _known(said)
        if not then.studio:
            whose = f"It is a picture of another studio ({found.source}), which computes otherwise."
            notes = (*notes, whose)
        return Recorded(request, then, found.ignored, notes)

    def _with_models_here(
        self, request: GenerationRequest, models: tuple[UsedModel, ...]
    ) -> tuple[GenerationRequest, list[str]]:
        """`request` with the names that the files of `models` have here, and a sentence for each
        that has another now."""
        missing, renamed = [], []
        fields = request.model_dump(mode="json")
        for model in (each for each in models if each.kind in _NAMED):
            ref = self._found(model)
            if ref is None:
                missing.append(f"{model.kind} {model.words}")
            elif ref.name != model.name and model.kind in _FIELDS:
                _rename(fields, model.kind, model.name, ref.name)
                renamed.append(f"{model.name} is called {ref.name} here.")
        if missing:
            raise UnknownModel(
                f"It was made with what is not here: {', '.join(missing)}. Put the file into a "
                "folder of models, under whatever name; it is known by its hash."
            )
        return GenerationRequest.parse(fields) if renamed else request, renamed

    def _found(self, model: UsedModel) -> ModelRef | None:
        """By its content first, where that is known; which is then known of the file too."""
        for name in (model.hash, model.name):
            with suppress(InvalidRequest, CheckpointError):
                if name:
                    ref = self._catalog.find(name, model.kind)
                    if model.hash:
                        self._catalog.compute_sha256(ref)
                    return ref
        return self._renamed(model) if model.hash else None

    def _renamed(self, model: UsedModel) -> ModelRef | None:
        """Among those of the kind whose content is not known yet, the smallest first."""
        left_bytes = _MOST_READ_BYTES
        refs = [ref for ref in self._catalog.refs(model.kind) if not self._catalog.sha256(ref)]
        for ref in sorted(refs, key=lambda ref: ref.file.size_bytes):
            left_bytes -= ref.file.size_bytes
            if left_bytes < 0:
                return None
            with suppress(CheckpointError):
                if self._catalog.compute_sha256(ref).startswith(model.hash):
                    return ref
        return None

    def _with_pictures_here(self, request: GenerationRequest) -> GenerationRequest:
        """`request`, each of whose pictures is among the inputs (again). Raises
        `InvalidRequest`."""
        records: tuple[Task | ControlInput, ...] = (request.task, *request.controls)
        for field, source in ((f, s) for record in records for f, s in named_in(record).items()):
            id = source.partition(":")[2]
            if self._inputs.has(id):
                continue
            row = self._library.with_hash(id)
            try:
                if row is None:
                    raise NotFound(id)
                self._inputs.keep(self._library.gallery.bytes(row.id))
            except NotFound:
                what = "picture" if field == "image" else field
                raise InvalidRequest(
                    f"The {what} that it began with ({id[:10]}) is not here any more: without it "
                    "this cannot be drawn again."
                ) from None
        return request


def _check(found: Reading) -> None:
    """Raises where something is lacking."""
    if found.source == "none" or not found.request and not found.missing:
        raise InvalidRequest(
            "There are no settings in this picture, so it cannot be drawn again. Messengers and "
            "editors leave them out: choose the file as its studio wrote it."
        )
    models = [entry for entry in found.missing if entry.kind != "image"]
    if models:
        listed = ", ".join(
            f"{entry.kind} {UsedModel(entry.kind, entry.name, entry.hash).words}"
            for entry in models
        )
        raise UnknownModel(
            f"It was made with what is not here: {listed}. Put the file into a folder of models, "
            "under whatever name; it is known by its hash."
        )
    if found.missing:
        raise InvalidRequest(found.missing[0].why)


def _notes(format: str, said: Details) -> tuple[str, ...]:
    notes = []
    if format in _LOSSY:
        notes.append(f"The file is a {format}, which keeps no exact pixels.")
    if said.partial:
        notes.append("It was stopped before its last step, and is drawn to its end now.")
    if said.mixed and not said.details:
        notes.append(
            "A part of another picture was kept in it, and nothing was drawn for it: what is drawn "
            "again is the whole picture that the part was taken of."
        )
    elif said.mixed:
        notes.append(
            "Only some details of another picture were kept in it, and nothing was drawn for it: "
            "drawn again it may differ where they overlap or lie close to others."
        )
    return tuple(notes)


def _known(said: Details) -> Provenance:
    """Of a file that holds no provenance: what its infotext tells."""
    version = infotext_reader.read(said.infotext).settings.get("Version", "")
    ours = _OURS.fullmatch(version)
    return Provenance(studio=ours[1] if ours else "", models=said.models)


def _rename(fields: Mapping[str, Any], kind: str, old: str, new: str) -> None:
    """Within all records of `fields`."""
    if kind == "lora":
        records: Iterator[dict[str, Any]] = iter(fields["loras"])
    else:
        records = _records(fields)
    for record in records:
        for name in _FIELDS[kind]:
            if record.get(name) == old:
                record[name] = new


def _records(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        yield from _records(each)

"""What lies in the models folders: looked at, annotated, fetched and thrown away over HTTP."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from studio.api import covers
from studio.api.answers import EVERYWHERE, refusals, sends
from studio.api.places import PublicText
from studio.api.wire import MODELS
from studio.catalog.catalog import Catalog
from studio.domain.errors import NotFound, UnknownCheckpoint, UnknownModel
from studio.domain.family import ModelFamily
from studio.domain.files import as_text
from studio.domain.notes import Notes
from studio.domain.refs import ARCHITECTURES, KINDS, ModelRef
from studio.fetching.downloads import Download, Downloads

Size = Annotated[list[int], Field(min_length=2, max_length=2)]
"""[width, height] in pixels."""


class ModelBody(BaseModel):
    """A model file or folder. What is not known (yet) is null.

    fits                 names of the families of checkpoints it goes with; null: any
    warm                 it is in memory
    architecture         of a ControlNet: controlnet, union, t2i_adapter or ip_adapter; of an
                         upscaler what its network is called, as ESRGAN
    scale                of an upscaler: how many times as wide and high its pictures become
    control_types        of a ControlNet-Union: the types of maps that it reads
    path                 below the models folder that it lies in, whose name comes first
    removable            it may be deleted: all but what comes with the studio
    own                  the settings that were noted for it
    defaults             the settings it brings: its own, completed by what suits its family
    family_defaults      what suits its family
    cover                the id of the picture that was chosen for it
    cover_url            a small picture that stands for it, WebP: the chosen one, or that beside it
    favourite            as was noted
    sizes, examples      what to offer with a checkpoint: [width, height] in pixels, prompts
    """

    name: str
    kind: str
    title: str
    family: str | None
    fits: list[str] | None
    task: str
    layout: str
    dtype: str
    prediction_type: str | None
    prediction_override: str | None
    rank: int | None
    vectors: int | None
    architecture: str | None
    scale: int | None
    control_types: list[str]
    size_bytes: int
    modified_s: float
    short_hash: str | None
    sha256: str | None
    warm: bool
    removable: bool
    trigger_words: list[str]
    path: str
    notes: str
    cover: str | None
    cover_url: str | None
    favourite: bool
    own: dict[str, Any]
    defaults: dict[str, Any]
    family_defaults: dict[str, Any]
    sizes: list[Size]
    examples: list[str]


class NameBody(BaseModel):
    """Which model."""

    kind: str
    name: str


class BrokenBody(BaseModel):
    """A file that looks like a model and cannot be used."""

    path: str
    reason: str


class ModelsBody(BaseModel):
    """Everything there is. `duplicates` are groups of files with the same contents."""

    models: list[ModelBody]
    broken: list[BrokenBody]
    duplicates: list[list[NameBody]]


class NotesBody(BaseModel):
    """What to note for a model; what is left out stays, null takes it back. `cover` is the id of a
    picture that stands for it. All from `steps` to `clip_skip` are settings that the checkpoint
    brings when it is chosen."""

    model_config = ConfigDict(extra="forbid")

    notes: str | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    scheduler: str | None = None
    width: int | None = None
    height: int | None = None
    vae: str | None = None
    clip_skip: int | None = None
    prediction_type: str | None = None
    zero_snr: bool | None = None
    cover: str | None = None
    favourite: bool | None = None


class SourceBody(BaseModel):
    """What to download: a Hugging Face repository (`owner/name`), a file in it, or any web
    address; `sha256` is what the file must be."""

    model_config = ConfigDict(extra="forbid")

    source: str = Field(min_length=1, max_length=2000)
    file: str | None = Field(None, max_length=1000)
    sha256: str | None = Field(None, max_length=64)


class DownloadBody(BaseModel):
    """Where a download stands; `message` says why it failed."""

    id: str
    source: str
    state: str
    name: str
    done_bytes: int
    total_bytes: int | None
    rate_bytes_s: float
    message: str | None


class TrashedBody(BaseModel):
    """The id under which a deleted model can be brought back."""

    id: str


class ModelListing:
    """Answers about `catalog`. `warm()` names the checkpoints in memory. What it tells is made
    `public`."""

    def __init__(
        self,
        catalog: Catalog,
        warm: Callable[[], Collection[str]],
        public: PublicText,
    ) -> None:
        self.catalog = catalog
        self._warm = warm
        self.public = public

    def find(self, kind: str, name: str) -> ModelRef:
        """Raises `NotFound`."""
        if kind not in KINDS:
            raise NotFound(
                f"There is no kind {kind[:40]!r} of model. There are: {', '.join(KINDS)}."
            )
        try:
            return self.catalog.find(name, kind)
        except (UnknownCheckpoint, UnknownModel) as error:
            raise NotFound(str(error)) from None

    def one(self, ref: ModelRef) -> ModelBody:
        """`ref` with all that is known of it."""
        return self._body(ref, self._families(), self._warm())

    def _body(
        self, ref: ModelRef, families: Collection[ModelFamily], warm: Collection[str]
    ) -> ModelBody:
        notes = ref.notes
        family = ref.family if ref.kind == "checkpoint" else None
        suits = _family_defaults(family) if family else {}
        return ModelBody(
            name=ref.name,
            kind=ref.kind,
            title=ref.facts.title,
            family=ref.family.name if ref.family else None,
            fits=_fits(ref, families),
            task=ref.facts.task,
            layout=ref.facts.layout,
            dtype=ref.facts.dtype,
            prediction_type=ref.prediction_type,
            prediction_override=notes.prediction_type,
            rank=ref.facts.rank,
            vectors=ref.facts.vectors,
            architecture=_architecture(ref),
            scale=ref.facts.scale,
            control_types=list(ref.facts.control_types),
            size_bytes=ref.file.size_bytes,
            modified_s=ref.file.modified_ns / 1e9,
            short_hash=self.catalog.short_hash(ref),
            sha256=self.catalog.sha256(ref),
            warm=ref.kind == "checkpoint" and ref.name in warm,
            removable=not self.catalog.is_shipped(ref),
            trigger_words=list(ref.facts.trigger_words),
            path=self.public(as_text(ref.path)),
            notes=notes.text,
            cover=notes.cover,
            cover_url=covers.url(ref),
            favourite=notes.favourite,
            own=notes.defaults,
            defaults=suits | self._usable(notes),
            family_defaults=suits,
            sizes=[list(size) for size in family.sizes] if family else [],
            examples=list(family.example_prompts) if family else [],
        )

    def _usable(self, notes: Notes) -> dict[str, Any]:
        """The settings that were noted, without a VAE that has gone since: a request with it would
        be refused."""
        names = {ref.name for ref in self.catalog.refs("vae")} if notes.vae else ()
        return {k: v for k, v in notes.defaults.items() if k != "vae" or v in names}

    def checkpoints(self) -> list[dict[str, Any]]:
        """Those the page begins with, as JSON."""
        families, warm = self._families(), self._warm()
        refs = self.catalog.refs()
        return [self._body(ref, families, warm).model_dump(mode="json") for ref in refs]

    def all(self) -> ModelsBody:
        families, warm = self._families(), self._warm()
        return ModelsBody(
            models=[
                self._body(ref, families, warm) for kind in KINDS for ref in self.catalog.refs(kind)
            ],
            broken=[
                BrokenBody(path=self.public(as_text(path)), reason=self.public(reason))
                for path, reason in self.catalog.broken.items()
            ],
            duplicates=[
                [NameBody(kind=ref.kind, name=ref.name) for ref in group]
                for group in self.catalog.duplicates()
            ],
        )

    def tag(self) -> str:
        """Changes whenever `all` does."""
        state = json.dumps([self.catalog.changes, sorted(self._warm()), id(self)])
        return f'"{hashlib.sha256(state.encode()).hexdigest()[:16]}"'

    def _families(self) -> set[ModelFamily]:
        return {ref.family for ref in self.catalog.refs() if ref.family}


def build_models_router(listing: ModelListing, downloads: Downloads) -> APIRouter:
    """All routes below `/studio/v1/models`."""
    router = APIRouter(responses=EVERYWHERE, tags=["models"])
    unchanged = {304: sends("The list is as it was")}

    @router.get(MODELS, response_model=ModelsBody, responses=unchanged)
    def list_models(http: Request) -> Any:
        """Every model of every kind, what is broken and why, and what is there twice.

        The answer has an ETag: asked with If-None-Match, an unchanged list is a mere 304.
        """
        tag = listing.tag()
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        if http.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        body = listing.all().model_dump_json()
        return Response(body, media_type="application/json", headers=headers)

    @router.post(f"{MODELS}/refresh")
    def refresh() -> ModelsBody:
        """Look at the folders now."""
        listing.catalog.refresh()
        return listing.all()

    _add_download_routes(router, downloads, listing.public)

    @router.post(f"{MODELS}/trash/{{id}}/restore", responses=refusals(404, 422, 507))
    def restore(id: str) -> Response:
        """Bring a deleted model back."""
        listing.catalog.trash.restore(id)
        listing.catalog.refresh()
        return Response("{}", media_type="application/json")

    @router.patch(f"{MODELS}/{{kind}}/{{name:path}}", responses=refusals(404, 422, 507))
    def note(kind: str, name: str, body: NotesBody) -> ModelBody:
        """Note words, settings or a corrected prediction type for a model."""
        ref = listing.find(kind, name)
        changes = body.model_dump(exclude_unset=True)
        if "notes" in changes:
            changes["text"] = changes.pop("notes")
        listing.catalog.set_notes(ref, **changes)
        return listing.one(listing.find(kind, ref.name))

    @router.delete(f"{MODELS}/{{kind}}/{{name:path}}", responses=refusals(404, 422, 507))
    def remove(kind: str, name: str) -> TrashedBody:
        """Move a model to the trash, where it stays for thirty days."""
        return TrashedBody(id=listing.catalog.delete(listing.find(kind, name)).parent.name)

    return router


def _add_download_routes(router: APIRouter, downloads: Downloads, public: PublicText) -> None:
    @router.post(f"{MODELS}/downloads", responses=refusals(422))
    def start(body: SourceBody) -> DownloadBody:
        """Fetch a model into the studio's models folder. From public addresses only."""
        return _download_body(downloads.start(body.source, body.file, body.sha256), public)

    @router.get(f"{MODELS}/downloads")
    def list_downloads() -> list[DownloadBody]:
        """The downloads that are remembered, the newest first."""
        return [_download_body(one, public) for one in downloads.all()]

    @router.post(f"{MODELS}/downloads/{{id}}/cancel", responses=refusals(404, 422))
    def cancel(id: str) -> DownloadBody:
        """End a download. What has come is kept for another try."""
        return _download_body(downloads.cancel(id), public)


def _download_body(one: Download, public: PublicText) -> DownloadBody:
    return DownloadBody(
        id=one.id,
        source=one.source,
        state=one.state.value,
        name=one.progress.name,
        done_bytes=one.progress.done_bytes,
        total_bytes=one.progress.total_bytes,
        rate_bytes_s=one.progress.rate_bytes_s,
        message=one.message and public(one.message),
    )


def _family_defaults(family: ModelFamily) -> dict[str, Any]:
    width, height = family.native_size
    return {
        "width": width,
        "height": height,
        "steps": family.steps,
        "guidance_scale": family.guidance_scale,
    }


def _architecture(ref: ModelRef) -> str | None:
    if ref.kind == "controlnet":
        return ref.facts.architecture or ARCHITECTURES[0]
    return ref.facts.architecture or None


def _fits(ref: ModelRef, families: Collection[ModelFamily]) -> list[str] | None:
    """A VAE goes with every family whose latents are like its own's; all else with its own."""
    own = ref.family
    if own is None:
        return None
    if ref.kind not in ("vae", "tiny_vae"):
        return [own.name]
    return sorted({own.name} | {f.name for f in families if _latents(f) == _latents(own)})


def _latents(family: ModelFamily) -> tuple[float, ...]:
    return family.latent_channels, family.vae_factor, family.latent_scale, family.latent_shift

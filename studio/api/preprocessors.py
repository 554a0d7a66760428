"""Preprocessors over HTTP: which there are, their maps, and their weights."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable

from fastapi import APIRouter
from fastapi.responses import Response
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from studio.api.answers import EVERYWHERE, Answers, refusals, sends
from studio.api.places import PublicText
from studio.api.uploads import DECODED_AT_ONCE
from studio.api.wire import PREFIX
from studio.domain.control import ControlInput, ControlResizeMode
from studio.domain.errors import refused
from studio.domain.geometry import Size
from studio.domain.preprocessor_spec import CONTROL_TYPES, Availability
from studio.domain.preprocessors import PREPROCESSORS, find
from studio.gallery import views
from studio.preprocessors.downloading import WeightDownloads

Preview = Callable[[ControlInput, Size | None, str | None], Image.Image]
"""(unit with an image, size, name of a mask) -> its map."""

MOST_SIDE = 4096
"""Of a map that is to be seen, in pixels."""


_MAP: Answers = {200: sends("The map", "image/png")} | refusals(404, 422, 500)


class SettingBody(BaseModel):
    """A number that may be set, from `minimum` to `maximum`."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    title: str
    minimum: float
    maximum: float
    default: float
    step: float
    description: str


class WeightsBody(BaseModel):
    """What there is to download: so many bytes from that Hugging Face repository. `terms` is what
    their licence asks beyond the usual."""

    repo: str
    size_bytes: int
    terms: str


class DownloadingBody(BaseModel):
    """How far a download is; `error` says why it ended, null while it goes on."""

    done_bytes: int
    total_bytes: int | None
    error: str | None


class PreprocessorBody(BaseModel):
    """One entry of the preprocessor menu.

    group          the control type under which menus list it; "" for what fits all
    control_types  the kinds of ControlNet that its map is for, the closest first
    needs_mask     works on a part of the picture
    ready          it can run; else `message` says what is missing
    download       what there is to fetch before it can; null: nothing
    downloading    null: nothing is on its way
    """

    name: str
    title: str
    group: str
    control_types: list[str]
    description: str
    needs_mask: bool
    settings: list[SettingBody]
    ready: bool
    message: str | None
    download: WeightsBody | None
    downloading: DownloadingBody | None


class ControlTypeBody(BaseModel):
    """A kind of ControlNet, and the preprocessor that suits it first."""

    model_config = ConfigDict(from_attributes=True)

    title: str
    default: str


class PreprocessorsBody(BaseModel):
    """All there are, in the order of menus."""

    preprocessors: list[PreprocessorBody]
    control_types: dict[str, ControlTypeBody]


class MapBody(BaseModel):
    """What a map is made from. Pictures are named input:ID, picture:ID or with a data-URI.

    controlnet     the model that it is for: those for inpainting read transparency as a hole
    width, height  of the map; null: as the image
    mask           of the image's size, white where it is repainted; for those that need one
    """

    model_config = ConfigDict(extra="forbid")

    image: str = Field(min_length=1)
    controlnet: str = Field("any", min_length=1)
    settings: dict[str, float] = {}
    resolution: int | None = None
    width: int | None = Field(None, ge=8, le=MOST_SIDE)
    height: int | None = Field(None, ge=8, le=MOST_SIDE)
    resize_mode: ControlResizeMode = "crop_and_resize"
    mask: str | None = None


def build_preprocessors_router(
    available: Callable[[str], Availability],
    downloads: WeightDownloads,
    preview: Preview,
    public: PublicText,
) -> APIRouter:
    """The routes below `/studio/v1/preprocessors`. Messages are made `public`."""
    router = APIRouter(
        prefix=f"{PREFIX}/preprocessors", tags=["preprocessors"], responses=EVERYWHERE
    )
    # Apart, so that nobody's slider waits for somebody's network.
    quick, slow = threading.BoundedSemaphore(DECODED_AT_ONCE), threading.BoundedSemaphore()

    @router.get("")
    def list_preprocessors() -> PreprocessorsBody:
        """What turns a picture into the map that a ControlNet is led by."""
        return PreprocessorsBody(
            preprocessors=[_body(name, available, downloads, public) for name in PREPROCESSORS],
            control_types={
                name: ControlTypeBody.model_validate(kind) for name, kind in CONTROL_TYPES.items()
            },
        )

    @router.post("/{name}/map", response_class=Response, responses=_MAP)
    def make_map(name: str, body: MapBody) -> Response:
        """The map of a picture: a PNG, transparent where it has a hole."""
        unit = _unit(name, body)
        size = (body.width, body.height) if body.width and body.height else None
        with slow if find(name).weights else quick:
            return png(preview(unit, size, body.mask))

    @router.post("/{name}/download", responses=refusals(422))
    def download(name: str) -> PreprocessorBody:
        """Begin to fetch what the preprocessor lacks; ask again for how far it is."""
        downloads.start(name)
        return _body(name, available, downloads, public)

    return router


def png(image: Image.Image) -> Response:
    """With an entity tag by its content, which the same question gets again."""
    data = views.png(image)
    tag = hashlib.blake2b(data, digest_size=12).hexdigest()
    headers = {"ETag": f'"{tag}"', "Cache-Control": "private, max-age=3600"}
    return Response(data, media_type="image/png", headers=headers)


def _unit(name: str, body: MapBody) -> ControlInput:
    find(name)
    try:
        return ControlInput(
            controlnet=body.controlnet,
            image=body.image,
            preprocessor=name,
            settings=body.settings,
            resolution=body.resolution,
            resize_mode=body.resize_mode,
        )
    except ValidationError as error:
        raise refused(error) from None


def _body(
    name: str, look: Callable[[str], Availability], downloads: WeightDownloads, public: PublicText
) -> PreprocessorBody:
    coming = downloads.of(name)  # first: what ends between the two looks is there in the second
    available = look(name)
    spec = available.spec
    wanted = None
    if not available.ready:
        weights = spec.weights
        wanted = WeightsBody(
            repo=weights.repo, size_bytes=available.size_bytes, terms=weights.terms
        )
    return PreprocessorBody(
        name=spec.name,
        title=spec.title,
        group=spec.group,
        control_types=list(spec.control_types),
        description=spec.description,
        needs_mask=spec.needs_mask,
        settings=[SettingBody.model_validate(setting) for setting in spec.settings],
        ready=available.ready,
        message=public(available.message) or None,
        download=wanted,
        downloading=coming
        and DownloadingBody(
            done_bytes=coming.done_bytes,
            total_bytes=coming.total_bytes,
            error=coming.error and public(coming.error),
        ),
    )

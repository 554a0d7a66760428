"""What is asked for -> a task with nothing left open, or why it cannot begin."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from PIL import Image

from studio.datasets.generating import DatasetTask
from studio.datasets.plan import Wildcards, plan
from studio.datasets.spec import DatasetSpec
from studio.datasets.steering import CONTROLNET, Regions, Silhouettes, Steering, silhouette
from studio.domain import geometry
from studio.domain.detailers import Found
from studio.domain.detectors import SEGMENTER
from studio.domain.errors import InvalidRequest, QueueFull
from studio.domain.events import Picture
from studio.domain.files import as_text, read_file
from studio.domain.refs import ModelRef
from studio.domain.request import GenerationRequest
from studio.imaging import alike, reading
from studio.jobs.job import Job

_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".avif")
_MAX_PHOTO_BYTES = 512 * 2**20
_WAIT_S = 0.5


class _Finds(Protocol):
    def available(self, name: str) -> object: ...
    def wholes(self, image: Image.Image, name: str, confidence: float) -> list[Found]: ...


@dataclass(frozen=True)
class Desk:
    """What of the studio a dataset needs.

    checkpoint  a name, or None for the default -> the model; raises `UnknownCheckpoint`
    has_control is there a ControlNet of that name
    keep        bytes of a picture -> what requests call it
    submit      has a request drawn, to be looked at alone, for the account `owner` if one is given
    """

    checkpoint: Callable[[str | None], ModelRef]
    has_control: Callable[[str], bool]
    sha256: Callable[[ModelRef], str | None]
    wildcards: Wildcards
    detectors: _Finds
    keep: Callable[[bytes], str]
    submit: Callable[..., Job]
    encode: Callable[[Picture], bytes]


class _Ordered:
    def __init__(self, job: Job) -> None:
        self._job = job

    def picture(self) -> Picture:
        return self._job.finished().pictures[0]

    def cancel(self) -> None:
        self._job.cancel()


def task(spec: DatasetSpec, folder: Path, desk: Desk) -> DatasetTask:
    """Raises `InvalidRequest` (also its kinds) for what cannot be drawn."""
    ref = desk.checkpoint(spec.checkpoint)
    steering = _steering_of(spec, ref, desk)
    detector = spec.checks.detector
    if detector == "auto":
        detector = SEGMENTER if ref.family.name == "picturebook" else "none"
    size = geometry.working_size((spec.width, spec.height), ref.family.native_size, None)
    guidance = ref.family.guidance_scale if spec.guidance_scale is None else spec.guidance_scale
    fixed = {"checkpoint": ref.name, "steering": steering, "guidance_scale": guidance}
    fixed |= {"checks": spec.checks.model_copy(update={"detector": detector})}
    fixed |= {"width": size[0], "height": size[1]}
    settled = spec.model_copy(update=fixed)
    keep = lambda image: desk.keep(_png(image))  # noqa: E731
    photos = _photos(spec.photos) if spec.photos else []
    return DatasetTask(
        settled,
        folder,
        partial(plan, settled, desk.wildcards, _groups(photos)),
        _made(settled, size, keep, photos),
        partial(_ordered, desk.submit),
        _look(settled, desk),
        desk.encode,
        desk.sha256(ref),
        tuple(as_text(photo.name) for photo in photos),
    )


def _steering_of(spec: DatasetSpec, ref: ModelRef, desk: Desk) -> str:
    if spec.steering == "regions" or spec.photos:
        return "regions"
    without = [name for name in spec.names if not silhouette(spec, name)]
    can = ref.family.name == "picturebook" and desk.has_control(CONTROLNET)
    if spec.steering == "auto":
        return "silhouettes" if can and not without and spec.things[1] <= 3 else "regions"
    if not can:
        raise InvalidRequest(
            f"Silhouettes are those of picturebook's world, and {ref.name} is another model. Use "
            "steering: regions.",
            "steering",
        )
    if without:
        raise InvalidRequest(
            f"{', '.join(without)}: no silhouette is called so. Give each a shape, or use "
            "steering: regions.",
            "classes",
        )
    if spec.things[1] > 3:
        raise InvalidRequest("at most 3 silhouettes fit into a picture.", "things")
    return "silhouettes"


def _made(
    spec: DatasetSpec,
    size: geometry.Size,
    keep: Callable[[Image.Image], str],
    photos: Sequence[Path],
) -> Steering:
    if spec.steering == "silhouettes":
        return Silhouettes(spec, size, keep)
    photo = partial(_photo, photos, size) if photos else None
    return Regions(spec, size, keep, photo)


def _look(spec: DatasetSpec, desk: Desk) -> Callable[[Image.Image], list[Found]] | None:
    if spec.checks.detector == "none":
        return None
    name, confidence = spec.checks.detector, spec.checks.confidence
    desk.detectors.available(name)
    return lambda image: desk.detectors.wholes(image, name, confidence)


def _ordered(submit: Callable[[GenerationRequest], Job], request: GenerationRequest) -> _Ordered:
    """Where too many wait already, once there is room."""
    while True:
        try:
            return _Ordered(submit(request))
        except QueueFull as error:
            if "closing" in error.message:
                raise
            time.sleep(_WAIT_S)


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _photos(folder: Path) -> list[Path]:
    """The pictures in `folder` and below it, by name. Raises `InvalidRequest`."""
    try:
        found = sorted(
            path for path in folder.expanduser().rglob("*") if path.suffix.lower() in _SUFFIXES
        )
    except OSError as error:
        raise InvalidRequest(f"{as_text(folder)}: {error.strerror or error}.", "photos") from None
    if not found:
        raise InvalidRequest(
            f"{as_text(folder)} holds no pictures ({', '.join(_SUFFIXES)}). Name another folder.",
            "photos",
        )
    return found


def _photo(photos: Sequence[Path], native: geometry.Size, place: int) -> Image.Image:
    """RGB, upright, at the size at which things are painted into it."""
    image = _read(photos[place])
    size = geometry.working_size((None, None), native, image.size)
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)


def _read(path: Path) -> Image.Image:
    try:
        return reading.picture(read_file(path, _MAX_PHOTO_BYTES))
    except OSError as error:
        cause = error.strerror or error
        raise InvalidRequest(f"{as_text(path)} cannot be read: {cause}.", "photos") from None
    except InvalidRequest as error:
        raise InvalidRequest(f"{as_text(path)}: {error.message}", "photos") from None


def _groups(photos: Sequence[Path]) -> list[int]:
    """Photo -> the number of the first one that it looks like, or looks like one that does."""
    groups = list(range(len(photos)))
    for one, other in alike.pairs([alike.thumb(_read(path)) for path in photos]):
        old, new = max(groups[one], groups[other]), min(groups[one], groups[other])
        groups = [new if group == old else group for group in groups]
    return groups

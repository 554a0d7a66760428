"""What is asked for -> a task with nothing left open, or why it cannot begin."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

from PIL import Image

from studio.datasets import enough, photos
from studio.datasets.generating import DatasetTask
from studio.datasets.plan import Wildcards, plan
from studio.datasets.spec import DatasetSpec
from studio.datasets.steering import (
    CONTROLNET,
    Regions,
    Silhouettes,
    Steering,
    Variations,
    silhouette,
)
from studio.domain import geometry
from studio.domain.detailers import Found
from studio.domain.detectors import SEGMENTER
from studio.domain.errors import InvalidRequest
from studio.domain.events import Picture
from studio.domain.files import as_text
from studio.domain.refs import ModelRef
from studio.jobs.job import Job, JobState

_LOOK_S = 0.2
"""Between two looks whether a drawing that waits is still wanted."""


class _Finds(Protocol):
    def available(self, name: str) -> object: ...
    def wholes(self, image: Image.Image, name: str, confidence: float) -> list[Found]: ...


@dataclass(frozen=True)
class Desk:
    """What of the studio a dataset needs.

    checkpoint  a name, or None for the default -> the model; raises `UnknownCheckpoint`
    has_control is there a ControlNet of that name
    keep        bytes of a picture -> what requests call it
    read        the way back; raises `NotFound` and `InvalidRequest`
    submit      has a request drawn, to be looked at alone, for the account `owner` if one is given
    """

    checkpoint: Callable[[str | None], ModelRef]
    has_control: Callable[[str], bool]
    sha256: Callable[[ModelRef], str | None]
    wildcards: Wildcards
    detectors: _Finds
    keep: Callable[[bytes], str]
    submit: Callable[..., Job]
    encode: Callable[[Picture, Image.Image, Literal["png", "jpeg"]], bytes]
    read: Callable[[str], bytes]


class _Ordered:
    def __init__(self, job: Job) -> None:
        self._job = job

    def picture(self, stopped: Callable[[], bool]) -> Picture | None:
        while not self._job.events.has_ended(_LOOK_S):
            if self._job.state is JobState.QUEUED and stopped():
                return None
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
    if steering == "variations":
        fixed["places"] = False  # things are where the photo has them
    settled = spec.model_copy(update=fixed)
    found = photos.listed(spec.photos) if spec.photos else []
    contents = None
    if steering == "variations":
        contents = [photos.things(photo, spec.names) for photo in found]
    names = None if contents is None else [[thing.name for thing in each] for each in contents]
    groups = photos.groups(found)
    more = settled.model_copy(update={"count": enough.MOST_LOOKED_AT})
    looked_at = plan(more, desk.wildcards, groups, names)
    enough.check(settled, looked_at, contents is None, groups)
    return DatasetTask(
        settled,
        folder,
        partial(plan, settled, desk.wildcards, groups, names),
        _made(settled, size, desk, found, contents),
        lambda request: _Ordered(desk.submit(request)),
        _look(settled, desk),
        desk.encode,
        desk.sha256(ref),
        tuple(as_text(photo.name) for photo in found),
    )


def _steering_of(spec: DatasetSpec, ref: ModelRef, desk: Desk) -> str:
    if spec.steering == "variations":
        if not spec.photos:
            raise InvalidRequest(
                "variations are of pictures that are there: name a folder of them, with a label "
                "file (.txt) beside each that shows things.",
                "photos",
            )
        return "variations"
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
    desk: Desk,
    found: Sequence[Path],
    contents: Sequence[Sequence[photos.Thing]] | None,
) -> Steering:
    keep = lambda image: desk.keep(_png(image))  # noqa: E731
    if spec.steering == "silhouettes":
        return Silhouettes(spec, size, keep)
    photo = partial(photos.at_working_size, found, size)
    if contents is None:
        return Regions(spec, size, keep, photo if found else None)
    labels = lambda place, of: [thing.label(of) for thing in contents[place]]  # noqa: E731
    return Variations(spec, keep, photo, labels)


def _look(spec: DatasetSpec, desk: Desk) -> Callable[[Image.Image], list[Found]] | None:
    if spec.checks.detector == "none":
        return None
    name, confidence = spec.checks.detector, spec.checks.confidence
    desk.detectors.available(name)
    return lambda image: desk.detectors.wholes(image, name, confidence)


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()

"""What a run tells the world, in order: Queued, Loading, Started, Progress and Preview, then
exactly one of Finished, Failed, Cancelled. All frozen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Union

from PIL import Image

from studio.domain.detailers import Detail
from studio.domain.errors import StudioError, named
from studio.domain.provenance import Provenance, WrittenMark
from studio.domain.request import GenerationRequest
from studio.domain.word_maps import WordMap


@dataclass(frozen=True)
class Picture:
    """One result.

    image    RGB
    profile  the ICC profile that its values are in, that of the picture it began with; None: sRGB
    seed     of this very picture
    place    of it in the batch, 0 being the first
    request  the settled request
    infotext settings as A1111 writes them, for this picture
    partial  True if the run was stopped before the last step
    id, path where it is kept; None until it was
    warnings what to know about it, a sentence or two each: that it could not be written to disk,
             was hard to decode, or that a model it names was passed over
    outside_mask_max_difference
             largest change of any channel (0 to 255) where an inpaint's or outpaint's mask is
             zero, or outside the areas of its details: measured on this picture, to be 0; None
             without either
    details  the things that detailers drew once more, in their order
    before   the picture as it was before that; None: it is the one that the task begins with, or
             nothing was drawn once more
    words    where each word of the prompt acted, in its order, where that was asked for
    provenance  what else it was made with
    origin   the first 32 hex digits of the sha256 of the file that it was made from, where that is
             not the picture of its task
    base     the same of the picture which a part of that one was put into
    source   the picture that it is an edit of, RGB: what is the same there nobody drew; None: all
             of it was drawn. Not kept
    mark     the invisible mark in its pixels; None: there is none
    nsfw     how likely it shows nudity, 0 to 1, by the filter; None: that did not look
    mixed    True if details or a part of another picture were put into one, and nothing was drawn
    """

    image: Image.Image
    seed: int
    request: GenerationRequest
    infotext: str
    place: int = 0
    partial: bool = False
    id: str | None = None
    path: Path | None = None
    warnings: tuple[str, ...] = ()
    outside_mask_max_difference: int | None = None
    profile: bytes | None = None
    words: tuple[WordMap, ...] = ()
    details: tuple[Detail, ...] = ()
    before: Picture | None = None
    provenance: Provenance | None = None
    origin: str | None = None
    base: str | None = None
    source: Image.Image | None = None
    mark: WrittenMark | None = None
    mixed: bool = False
    nsfw: float | None = None


@dataclass(frozen=True)
class Queued:
    """`position` jobs are before this one (0 = next)."""

    position: int


@dataclass(frozen=True)
class Loading:
    """A model is being made ready; `fraction` is 0 to 1."""

    stage: str
    fraction: float


@dataclass(frozen=True)
class Started:
    pass


@dataclass(frozen=True)
class Progress:
    """`step` of `total` U-Net steps are done, in pass `pass_number` (from 1) of `passes`; `eta_s`
    seconds are left (None: not known yet)."""

    step: int
    total: int
    eta_s: float | None
    pass_number: int = 1
    passes: int = 1


@dataclass(frozen=True)
class Preview:
    """The estimate of the clean picture after `step`: JPEG bytes; a batch as a grid."""

    step: int
    jpeg: bytes


@dataclass(frozen=True)
class Finished:
    pictures: tuple[Picture, ...]
    elapsed_s: float

    @property
    def warnings(self) -> tuple[str, ...]:
        """Those of all its pictures, each once."""
        return tuple(dict.fromkeys(text for each in self.pictures for text in each.warnings))


@dataclass(frozen=True)
class Failed:
    """`error` is the class name in the error tree, `message` is for people; `field` is the field
    of the request that it is about, "" for none."""

    error: str
    message: str
    field: str = ""

    @classmethod
    def of(cls, error: StudioError) -> Failed:
        return cls(type(error).__name__, error.message, error.field)

    @property
    def cause(self) -> StudioError:
        """The error, as it was raised where the run was."""
        return named(self.error, self.message, self.field)


@dataclass(frozen=True)
class Cancelled:
    """`pictures` holds the last estimates, marked partial; empty if nothing was drawn yet."""

    pictures: tuple[Picture, ...]


Event = Union[Queued, Loading, Started, Progress, Preview, Finished, Failed, Cancelled]
FINAL = (Finished, Failed, Cancelled)

"""Detailers: what is found in a picture is drawn once more, larger, one thing after the other.

Where there is one their names and defaults are those of ADetailer, an extension of AUTOMATIC1111.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from PIL import Image
from pydantic import AfterValidator, Field, model_validator

from studio.domain.errors import bounded
from studio.domain.geometry import Box, Size
from studio.domain.loras import LoraInput
from studio.domain.pairs import as_fields
from studio.domain.sampling import GuidanceScale, ModelName, Text
from studio.domain.tasks import Frozen, is_text

MAX_DETAILERS = 8
MOST_THINGS = 100
"""Found by one detailer in one picture that are drawn, or listed."""

_MOST_CHARACTERS = 50_000
"""Of a detailer written as text."""
_EXAMPLE = "picturebook segmenter:classes=house,strength=0.5"

Order = Literal["left to right", "largest first", "centre first", "best first"]
ORDERS: tuple[Order, ...] = ("left to right", "largest first", "centre first", "best first")
Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
_ClassNames = Annotated[str, Field(max_length=4000), AfterValidator(is_text)]


class Detailer(Frozen):
    """One of them. May be written as text, "picturebook segmenter:classes=house,strength=0.5", with
    the name of its detector before the colon."""

    detector: ModelName = Field(
        title="Detector",
        min_length=1,
        description="What finds the things: faces, or what a YOLO network was taught.",
    )
    classes: _ClassNames = Field(
        "",
        title="Classes",
        description="What to look for of what the detector knows, as in cat, dog. Empty: all.",
    )
    prompt: Text = Field(
        "",
        title="Prompt",
        description="What each thing shows. Empty: as of the picture. The picture's LoRAs act, and "
        "those named here.",
    )
    negative_prompt: Text = Field(
        "",
        title="Negative prompt",
        description="What it should not show. Empty: as of the picture.",
    )
    loras: tuple[LoraInput, ...] = Field(
        (),
        title="LoRAs",
        max_length=32,
        description="Beside those of the picture; as those that the prompt names.",
    )
    strength: Share = Field(
        0.4,
        title="Denoising strength",
        description="How much of each thing may change. 0 keeps it, 1 forgets it.",
        json_schema_extra={"step": 0.01},
    )
    confidence: Share = Field(
        0.3,
        title="Confidence",
        description="How sure the detector must be of a thing.",
        json_schema_extra={"step": 0.01},
    )
    min_size: Share = Field(
        0.0,
        title="Least size",
        description="Share of the picture's area; what is smaller is left alone.",
        json_schema_extra={"step": 0.001},
    )
    max_size: Share = Field(
        1.0,
        title="Largest size",
        description="Share of the picture's area; what is larger is left alone.",
        json_schema_extra={"step": 0.001},
    )
    count: int = Field(
        0,
        ge=0,
        le=MOST_THINGS,
        title="How many",
        description="The first so many in the order. 0: all.",
        json_schema_extra={"step": 1},
    )
    order: Order = Field(
        ORDERS[0],
        title="Order",
        description="In which things are numbered and drawn.",
    )
    padding: int = Field(
        32,
        ge=0,
        le=256,
        title="Padding",
        description="Pixels around a thing that the model sees as well.",
        json_schema_extra={"step": 4},
    )
    mask_grow: int = Field(
        4,
        ge=-128,
        le=128,
        title="Grow mask",
        description="Widens the mask by so many pixels before the blur; below 0 shrinks it.",
        json_schema_extra={"step": 1},
    )
    mask_blur: int = Field(
        4,
        ge=0,
        le=64,
        title="Mask blur",
        description="Softens the mask's edge by so many pixels.",
        json_schema_extra={"step": 1},
    )
    steps: int = Field(
        0,
        ge=0,
        le=150,
        title="Steps",
        description="Of a whole run, of which the share of the strength is gone through. 0: as of "
        "the picture.",
        json_schema_extra={"step": 1},
    )
    guidance_scale: GuidanceScale | None = Field(
        None,
        title="Guidance scale (CFG)",
        description="How strictly the prompt is followed. Empty: as of the picture.",
    )
    only: tuple[Annotated[int, Field(ge=0, lt=MOST_THINGS)], ...] = Field(
        (),
        title="Only",
        max_length=MOST_THINGS,
        description="Numbers of things, from 0, in the order. Empty: all.",
    )
    active: bool = Field(True, title="Active", description="Whether it is run.")

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        text = bounded(value, _MOST_CHARACTERS)
        named = re.match(r"\s*([^=]*?)\s*(?::\s*(?=\w+\s*=)|$)", text)
        if named is None:
            fields: dict[str, Any] = dict(as_fields(text, _EXAMPLE))
        else:
            pairs = text[named.end() :]
            fields = {"detector": named[1]} | (as_fields(pairs, _EXAMPLE) if pairs else {})
        if isinstance(only := fields.get("only"), str):
            fields["only"] = [part for part in re.split(r"[\s,+]+", only) if part]
        if isinstance(active := fields.get("active"), str):
            fields["active"] = active.lower() not in ("false", "no", "off", "0")
        return fields

    @model_validator(mode="after")
    def _leaves_sizes(self) -> Detailer:
        if self.min_size > self.max_size:
            raise ValueError(
                f"its least size, {self.min_size:g}, is above its largest, {self.max_size:g}. "
                "Lower the one or raise the other."
            )
        return self

    @property
    def class_names(self) -> tuple[str, ...]:
        """Those to look for, in small letters; () for all."""
        names = (name.strip().casefold() for name in self.classes.split(","))
        return tuple(dict.fromkeys(filter(None, names)))


@dataclass(frozen=True, eq=False)
class Found:
    """A thing in a picture: where, how sure that is (0 to 1), and what the detector calls it.
    `mask`, L of the box's size, is white where it is; None: all over the box."""

    box: Box
    score: float
    label: str
    mask: Image.Image | None = None

    @property
    def area(self) -> int:
        """In pixels."""
        return math.prod(self.box.size) if self.mask is None else self.mask.histogram()[255]

    def has(self, place: tuple[int, int]) -> bool:
        """Is it at the pixel `place`, (x, y)?"""
        left, top = self.box.left, self.box.top
        if not (left <= place[0] < self.box.right and top <= place[1] < self.box.bottom):
            return False
        return self.mask is None or bool(self.mask.getpixel((place[0] - left, place[1] - top)))

    def over(self, size: Size) -> Image.Image:
        """A mask of a picture of `size`: L, white where it is."""
        whole = Image.new("L", size)
        whole.paste(self.mask or 255, self.box)
        return whole


@dataclass(frozen=True)
class Detail:
    """A thing that was drawn once more: that with the `number` of those that the detailer at place
    `detailer` of the request has in its order. `box` is where it was found; `area` is the part of
    the picture that may have changed, outside of which every byte is as before."""

    detailer: int
    number: int
    detector: str
    label: str
    score: float
    box: Box
    area: Box


def in_order(found: Sequence[Found], detailer: Detailer, size: Size) -> list[Found]:
    """Those of the things found in a picture of `size` that `detailer` speaks of, all of them, as
    it numbers them."""
    names = detailer.class_names
    area = math.prod(size)
    middle = size[0] / 2, size[1] / 2

    def share(one: Found) -> float:
        return math.prod(one.box.size) / area

    def left(one: Found) -> tuple[float, ...]:
        return one.box.left, one.box.top, one.box.right, one.box.bottom

    def off_centre(one: Found) -> float:
        box = one.box
        return math.dist(middle, ((box.left + box.right) / 2, (box.top + box.bottom) / 2))

    keys = {
        "left to right": left,
        "largest first": lambda one: (-share(one), *left(one)),
        "centre first": lambda one: (off_centre(one), *left(one)),
        "best first": lambda one: (-one.score, *left(one)),
    }
    kept = [
        one
        for one in found
        if one.score >= detailer.confidence
        and (not names or one.label.casefold() in names)
        and detailer.min_size <= share(one) <= detailer.max_size
    ]
    return sorted(kept, key=keys[detailer.order])


def drawn(found: Sequence[Found], detailer: Detailer) -> dict[int, Found]:
    """Number -> thing, of those that are to be drawn of all that are `in_order`: never more than
    `MOST_THINGS`."""
    numbered = dict(enumerate(found[: detailer.count or MOST_THINGS]))
    if detailer.only:
        return {number: numbered[number] for number in sorted(detailer.only) if number in numbered}
    return numbered


def nothing_found(detailer: Detailer) -> str:
    """What a picture is told of it."""
    what = f" of: {detailer.classes.strip()}" if detailer.classes.strip() else ""
    return (
        f"{detailer.detector} found nothing{what}: the picture is as it was. Lower the confidence, "
        "or look for something else."
    )


def too_many(detailer: Detailer, count: int) -> str:
    """The same where there were `count`."""
    return (
        f"{detailer.detector} found {count} things, of which the first {MOST_THINGS} "
        f"({detailer.order}) were drawn. Raise the confidence or the least size, or say how many."
    )

"""What is to be done with a request: draw from words, or change a picture that is there.

Task
├── TextToImage
├── ImageToImage   the whole picture, kept as far as `strength` lets it
├── Inpaint        what a mask covers
├── Outpaint       what lies beyond the border
├── Upscale        the same picture, larger
└── Details        what the detailers of the request find in it, each by itself

A picture in a task is a text: `input:ID` for one that was uploaded, `picture:ID` for a result, a
data-URI, or, on the command line and in Python alone, the path of a file. Masks are white where
the picture is repainted. A sketch lies over the picture before that is encoded; outside the mask of
an inpaint it counts for nothing.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal, Union

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from studio.domain.errors import InvalidRequest, shorten
from studio.domain.geometry import Size
from studio.domain.shown import Shown

MAX_EXTENSION = 4096
"""Pixels that an outpaint may add on one side."""

MOST_PIXELS = 64_000_000
"""Of an enlarged picture: what the studio can read in again."""
LONGEST_SIDE = 32_768
"""Of an enlarged picture."""


_MOST_FIELDS = 64
"""More than any record here has, few enough to name all that are unknown."""


class Frozen(BaseModel):
    """Never changes, and refuses unknown fields by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _has_few_fields(cls, value: Any) -> Any:
        if isinstance(value, dict) and len(value) > _MOST_FIELDS:
            raise ValueError(
                f"{len(value)} fields are more than there are. The first is "
                f"{shorten(next(iter(value)))}; send only those that /docs names."
            )
        return value


def is_text(value: str) -> str:
    """What every file and every answer can carry."""
    if "\0" in value:
        raise ValueError(f"has a NUL character at position {value.index(chr(0)) + 1}. Delete it.")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        position = error.start + 1
        raise ValueError(f"has half a character at position {position}. Delete it.") from None
    return value


Source = Annotated[str, Field(min_length=1, max_length=96_000_000)]
"""A picture, as told above."""

LargeSide = Annotated[int, Field(ge=1, le=LONGEST_SIDE, json_schema_extra={"step": 1})]
TileSide = Annotated[int, Field(ge=64, le=2048, multiple_of=8, json_schema_extra={"step": 8})]
TileText = Annotated[str, Field(max_length=4000), AfterValidator(is_text)]
NetworkName = Annotated[str, Field(min_length=1, max_length=1000)]

ResizeMode = Literal["just_resize", "crop_and_resize", "resize_and_fill", "latent_upscale"]
MaskedContent = Literal["fill", "original", "latent_noise", "latent_nothing"]
Area = Literal["whole_picture", "only_masked"]

RESIZE_MODES: dict[ResizeMode, str] = {
    "just_resize": "Just resize",
    "crop_and_resize": "Crop and resize",
    "resize_and_fill": "Resize and fill",
    "latent_upscale": "Just resize (latent upscale)",
}
MASKED_CONTENTS: dict[MaskedContent, str] = {
    "fill": "Fill",
    "original": "Original",
    "latent_noise": "Latent noise",
    "latent_nothing": "Latent nothing",
}
AREAS: dict[Area, str] = {"whole_picture": "Whole picture", "only_masked": "Only masked"}


class TextToImage(Frozen):
    """Draw a picture from words alone."""

    kind: Literal["text_to_image"] = "text_to_image"


class _FromPicture(Frozen):
    """What all tasks share that begin with a picture."""

    image: Source = Field(title="Image", description="The picture to begin with.")
    strength: Annotated[float, Shown("Change", "strength {}", always=True)] = Field(
        0.75,
        ge=0.0,
        le=1.0,
        allow_inf_nan=False,
        title="Denoising strength",
        description="How much may change. 0 keeps the picture, 1 forgets it.",
        json_schema_extra={"step": 0.01},
    )
    color_correction: Annotated[bool, Shown("Change", "colour correction", place=1)] = Field(
        False,
        title="Colour correction",
        description="Give the result the colours of the picture it began with.",
    )


class _Resized(_FromPicture):
    """What tasks share whose result is width × height."""

    resize_mode: Annotated[ResizeMode, Shown("Change", "{label}")] = Field(
        "just_resize",
        title="Resize mode",
        description="How a picture of another shape becomes width × height.",
    )
    sketch: Source | None = Field(
        None,
        title="Colour sketch",
        description="Colours over the picture, which it is drawn after: a picture of its size with "
        "an alpha channel.",
    )


class ImageToImage(_Resized):
    """Draw the whole picture anew, after an existing one."""

    kind: Literal["image_to_image"] = "image_to_image"


class Inpaint(_Resized):
    """Repaint what `mask` covers; every other pixel keeps its bytes."""

    kind: Literal["inpaint"] = "inpaint"
    mask: Source = Field(title="Mask", description="White is repainted, black stays, gray blends.")
    resize_mask: bool = Field(
        False,
        title="Resize the mask",
        description="Stretch a mask of another size over the picture instead of refusing it.",
    )
    invert: Annotated[bool, Shown("Mask", "inverted", place=1)] = Field(
        False,
        title="Inpaint not masked",
        description="Repaint what the mask leaves out.",
    )
    mask_blur: Annotated[int, Shown("Mask", "blur {}", always=True)] = Field(
        4,
        ge=0,
        le=64,
        title="Mask blur",
        description="Softens the mask's edge by so many pixels.",
        json_schema_extra={"step": 1},
    )
    mask_grow: Annotated[int, Shown("Mask", "grow {}")] = Field(
        0,
        ge=-64,
        le=64,
        title="Grow mask",
        description="Widens the mask by so many pixels before the blur; below 0 shrinks it.",
        json_schema_extra={"step": 1},
    )
    masked_content: Annotated[MaskedContent, Shown("Mask", "{label}", place=-1)] = Field(
        "original",
        title="Masked content",
        description="What lies under the mask to begin with. Latent noise and nothing need a "
        "strength near 1.",
    )
    area: Annotated[Area, Shown("Mask", "{label}", always=True, place=-3)] = Field(
        "whole_picture",
        title="Inpaint area",
        description="Only masked draws the masked part alone, at full resolution.",
    )
    padding: Annotated[int, Shown("Mask", place=-2)] = Field(
        32,
        ge=0,
        le=256,
        title="Only masked padding",
        description="Pixels around the mask that the model sees as well.",
        json_schema_extra={"step": 4},
    )
    soft: Annotated[bool, Shown("Mask", "soft", place=2)] = Field(
        False,
        title="Soft inpainting",
        description="Gray parts of the mask change less: each is let go at its own step.",
    )

    @model_validator(mode="after")
    def _shows_its_sketch(self) -> Inpaint:
        if self.sketch is not None and self.masked_content != "original":
            raise ValueError(
                f"sketch: masked content {MASKED_CONTENTS[self.masked_content].lower()} replaces "
                "what lies under the mask, the sketch too. Choose original, or leave it out."
            )
        return self


class Outpaint(_FromPicture):
    """Widen the picture: draw so many pixels beyond each border, or up to an aspect ratio."""

    kind: Literal["outpaint"] = "outpaint"
    left: int = Field(
        0,
        ge=0,
        le=MAX_EXTENSION,
        title="Left",
        description="Pixels to add on the left.",
        json_schema_extra={"step": 8},
    )
    top: int = Field(
        0,
        ge=0,
        le=MAX_EXTENSION,
        title="Top",
        description="Pixels to add at the top.",
        json_schema_extra={"step": 8},
    )
    right: int = Field(
        0,
        ge=0,
        le=MAX_EXTENSION,
        title="Right",
        description="Pixels to add on the right.",
        json_schema_extra={"step": 8},
    )
    bottom: int = Field(
        0,
        ge=0,
        le=MAX_EXTENSION,
        title="Bottom",
        description="Pixels to add at the bottom.",
        json_schema_extra={"step": 8},
    )
    aspect_ratio: str | None = Field(
        None,
        title="Aspect ratio",
        max_length=20,
        description="Widen evenly to this shape, as in 16:9, instead of by pixels.",
    )
    strength: Annotated[float, Shown("Change", "strength {}", always=True)] = Field(
        1.0,
        ge=0.0,
        le=1.0,
        allow_inf_nan=False,
        title="Denoising strength",
        description="How freely the new part is drawn. Lower values keep to the rim's colours.",
        json_schema_extra={"step": 0.01},
    )
    feather: Annotated[int, Shown("Change", "feather {}", always=True)] = Field(
        16,
        ge=0,
        le=64,
        title="Seam feather",
        description="Pixels of the old border that blend into the new part.",
        json_schema_extra={"step": 1},
    )

    @field_validator("aspect_ratio")
    @classmethod
    def _is_a_ratio(cls, value: str | None) -> str | None:
        if value is None:
            return None
        match = re.fullmatch(
            r"\s*(\d{1,4}(?:\.\d{1,4})?)\s*[:x/]\s*(\d{1,4}(?:\.\d{1,4})?)\s*", value
        )
        if not match or float(match[1]) <= 0 or float(match[2]) <= 0:
            raise ValueError(f"{shorten(value)} is not a ratio. Write two numbers, as in 16:9.")
        if not 1 / 8 <= float(match[1]) / float(match[2]) <= 8:
            raise ValueError(f"{value} is too narrow. Choose a ratio between 1:8 and 8:1.")
        return f"{match[1]}:{match[2]}"

    @model_validator(mode="after")
    def _goes_somewhere(self) -> Outpaint:
        sides = (self.left, self.top, self.right, self.bottom)
        if self.aspect_ratio is not None and any(sides):
            raise ValueError("give either an aspect ratio or pixels for the sides, not both.")
        if self.aspect_ratio is None and not any(sides):
            raise ValueError("say how far: pixels for a side, as in right=128, or a ratio.")
        return self


class Upscale(Frozen):
    """Enlarge the picture with a network, and, if asked, draw over the result tile by tile.

    What the request says of models and sampling acts where it is refined alone; its words are kept
    as those of the picture, and the tiles have their own.
    """

    kind: Literal["upscale"] = "upscale"
    image: Source = Field(title="Image", description="The picture to enlarge.")
    factor: Annotated[float, Shown("Upscale", "by {}", always=True)] = Field(
        2.0,
        ge=1.0,
        le=8.0,
        allow_inf_nan=False,
        title="Upscale by",
        description="How much wider and higher the picture becomes.",
        json_schema_extra={"step": 0.05},
    )
    resize_width: Annotated[LargeSide | None, Shown("Upscale")] = Field(
        None,
        title="Resize width to",
        description="In pixels, instead of a factor. With the width alone the height follows.",
    )
    resize_height: Annotated[LargeSide | None, Shown("Upscale")] = Field(
        None,
        title="Resize height to",
        description="In pixels, instead of a factor. With the height alone the width follows; "
        "with both, what does not fit is cut off evenly.",
    )
    upscaler: Annotated[NetworkName | None, Shown("Upscale", "{}", place=-1)] = Field(
        None,
        title="Upscaler",
        description="The network that enlarges; Lanczos and Nearest need none. Automatic takes the "
        "first there is.",
    )
    upscaler_2: Annotated[NetworkName | None, Shown("Upscale")] = Field(
        None,
        title="Upscaler 2",
        description="Another one, whose picture is laid over that of the first.",
    )
    upscaler_2_visibility: Annotated[float, Shown("Upscale")] = Field(
        0.5,
        ge=0.0,
        le=1.0,
        allow_inf_nan=False,
        title="Upscaler 2 visibility",
        description="How much of the second one's picture shows.",
        json_schema_extra={"step": 0.01},
    )
    refine: Annotated[bool, Shown("Refine", "refined")] = Field(
        False,
        title="Refine",
        description="Draw over the enlarged picture with the checkpoint, tile by tile.",
    )
    strength: Annotated[float, Shown("Refine")] = Field(
        0.3,
        ge=0.0,
        le=1.0,
        allow_inf_nan=False,
        title="Denoising strength",
        description="How much may change where it is refined. Above 0.4 a tile may show things of "
        "its own.",
        json_schema_extra={"step": 0.01},
    )
    tile_prompt: Annotated[TileText, Shown("Refine")] = Field(
        "",
        title="Words for the tiles",
        description="What each tile is told. Empty: nothing, so that none draws a picture of its "
        'own; words as "fine brush strokes" are true of every tile.',
    )
    tile_size: Annotated[TileSide | None, Shown("Refine")] = Field(
        None,
        title="Tile size",
        description="Pixels of a tile's side. Automatic takes the size the checkpoint was made "
        "for.",
    )
    tile_overlap: Annotated[int, Shown("Refine")] = Field(
        32,
        ge=8,
        le=512,
        title="Tile overlap",
        description="Pixels that tiles share, in which one fades into the next; at most half a "
        "tile.",
        json_schema_extra={"step": 8},
    )

    tile_controlnet: Annotated[NetworkName | None, Shown("Refine")] = Field(
        None,
        title="Tile ControlNet",
        description="Shows the checkpoint what each tile is to look like, so that more may change "
        "without another thing in it. Automatic takes the first that fits the checkpoint, where "
        "there is one.",
    )
    tile_control_scale: Annotated[float, Shown("Refine")] = Field(
        1.0,
        ge=0.0,
        le=2.0,
        allow_inf_nan=False,
        title="Tile control weight",
        description="How strongly it is followed. 0: no ControlNet is used.",
        json_schema_extra={"step": 0.05},
    )

    @property
    def by_factor(self) -> bool:
        return self.resize_width is None and self.resize_height is None

    def size(self, source: Size) -> Size:
        """Of the result, where the picture has size `source`. Raises `InvalidRequest` where that is
        too large, or smaller than the picture."""
        if self.by_factor:
            size = tuple(max(1, round(side * self.factor)) for side in source)
        else:
            ratio = source[0] / source[1]
            width = self.resize_width or max(1, round(self.resize_height * ratio))
            height = self.resize_height or max(1, round(self.resize_width / ratio))
            size = width, height
        field = "factor" if self.by_factor else "resize_width"
        if size[0] < source[0] or size[1] < source[1]:
            raise InvalidRequest(
                f"{size[0]}×{size[1]} pixels are less than the {source[0]}×{source[1]} of the "
                "picture. Choose a larger size, or make it smaller in image to image.",
                field,
            )
        if size[0] * size[1] > MOST_PIXELS or max(size) > LONGEST_SIDE:
            most = (MOST_PIXELS / (source[0] * source[1])) ** 0.5
            most = math.floor(min(most, LONGEST_SIDE / max(source)) * 20) / 20
            raise InvalidRequest(
                f"{size[0]}×{size[1]} pixels are too many: {MOST_PIXELS // 10**6} megapixels are "
                f"possible, and {LONGEST_SIDE} a side. "
                + (f"Choose a factor of at most {most:g}." if most >= 1 else "It is large enough."),
                field,
            )
        return size


class Details(Frozen):
    """Draw nothing but what the detailers of the request find in the picture."""

    kind: Literal["details"] = "details"
    image: Source = Field(title="Image", description="The picture to look for things in.")


Task = Annotated[
    Union[TextToImage, ImageToImage, Inpaint, Outpaint, Upscale, Details],
    Field(discriminator="kind"),
]
"""What is to be done, told apart by `kind`."""

TASKS: dict[str, type[Frozen]] = {
    "text_to_image": TextToImage,
    "image_to_image": ImageToImage,
    "inpaint": Inpaint,
    "outpaint": Outpaint,
    "upscale": Upscale,
    "details": Details,
}

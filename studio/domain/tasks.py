"""What is to be done with a request: draw from words, or change a picture that is there.

Task
├── TextToImage
├── ImageToImage   the whole picture, kept as far as `strength` lets it
├── Inpaint        what a mask covers
└── Outpaint       what lies beyond the border

A picture in a task is a text: `input:ID` for one that was uploaded, `picture:ID` for a result, a
data-URI, or, on the command line and in Python alone, the path of a file. Masks are white where
the picture is repainted.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from studio.domain.errors import shorten
from studio.domain.shown import Shown

MAX_EXTENSION = 4096
"""Pixels that an outpaint may add on one side."""


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


Source = Annotated[str, Field(min_length=1, max_length=96_000_000)]
"""A picture, as told above."""

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


Task = Annotated[Union[TextToImage, ImageToImage, Inpaint, Outpaint], Field(discriminator="kind")]
"""What is to be done, told apart by `kind`."""

TASKS: dict[str, type[Frozen]] = {
    "text_to_image": TextToImage,
    "image_to_image": ImageToImage,
    "inpaint": Inpaint,
    "outpaint": Outpaint,
}

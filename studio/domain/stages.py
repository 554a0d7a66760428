"""What follows a picture's first drawing: a second one, larger, and another checkpoint on the way.

Both may be written as text, "factor=2,strength=0.5,upscaler=Lanczos".
"""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import Field, create_model, model_validator
from pydantic.fields import FieldInfo

from studio.domain.errors import InvalidRequest, bounded
from studio.domain.geometry import CELL, Size
from studio.domain.pairs import as_fields
from studio.domain.sampling import NAME_CHARACTERS, SAMPLING, ModelName, Sampling, Words
from studio.domain.scheduler_names import resolve
from studio.domain.shown import Shown
from studio.domain.tasks import Frozen

LARGEST = 4096
"""Pixels of the longest side that a second drawing may have."""

LATENT_UPSCALERS = ("Latent", "Latent (bicubic)", "Latent (nearest-exact)")
"""These scale the latents: no VAE in between, but little is left of fine detail below a denoising
strength of about 0.5."""
PIXEL_UPSCALERS = ("Lanczos", "Nearest")
UPSCALERS = (*LATENT_UPSCALERS, *PIXEL_UPSCALERS)
"""What makes a picture larger without a network."""

_MOST_CHARACTERS = 50_000
"""Of either as text."""

Side = Annotated[int, Field(ge=64, le=LARGEST, multiple_of=CELL, json_schema_extra={"step": CELL})]


class _Hires(Frozen):
    factor: Annotated[float, Shown("Hires. fix")] = Field(
        2.0,
        ge=1.0,
        le=4.0,
        allow_inf_nan=False,
        title="Upscale by",
        description="How much wider and higher than the first picture.",
        json_schema_extra={"step": 0.05},
    )
    width: Annotated[Side | None, Shown("Hires. fix")] = Field(
        None,
        title="Resize width to",
        description="In pixels, instead of a factor. With the width alone the height follows.",
    )
    height: Annotated[Side | None, Shown("Hires. fix")] = Field(
        None,
        title="Resize height to",
        description="In pixels, instead of a factor. With the height alone the width follows.",
    )
    upscaler: Annotated[ModelName, Field(min_length=1), Shown("Hires. fix", "{}", always=True)] = (
        Field(
            UPSCALERS[0],
            title="Hires upscaler",
            description="Latent enlarges what the model works on and needs a strength above 0.5; "
            "Lanczos, Nearest and the networks among the models enlarge the picture.",
        )
    )
    strength: Annotated[float, Shown("Hires. fix", "strength {}", always=True)] = Field(
        0.7,
        ge=0.0,
        le=1.0,
        allow_inf_nan=False,
        title="Hires denoising strength",
        description="How much may change. 0 only enlarges, 1 forgets the first picture.",
        json_schema_extra={"step": 0.01},
    )

    @model_validator(mode="before")
    @classmethod
    def _understood(cls, value: Any) -> Any:
        """From text; with 0 for what is to be as before, as other programs write it; with their
        names for samplers."""
        value = _from_text(value, "factor=2,strength=0.5")
        if not isinstance(value, dict):
            return value
        same = ("width", "height", "steps")
        value = {k: None if k in same and v in (0, "0") else v for k, v in value.items()}
        scheduler, schedule = value.get("scheduler"), value.get("noise_schedule")
        asked = scheduler, schedule or "automatic"
        if all(isinstance(name, str) and len(name) <= NAME_CHARACTERS for name in asked):
            name, noise_schedule = resolve(*asked)
            value["scheduler"] = name
            if schedule or noise_schedule != "automatic":
                value["noise_schedule"] = noise_schedule
        return value

    def size(self, first: Size) -> Size:
        """Of the second drawing, multiples of 8, where the first one has size `first`. Raises
        `InvalidRequest` where that is too large or too small."""
        if self.width is None and self.height is None:
            size = tuple(int(side * self.factor) // CELL * CELL for side in first)
        else:
            ratio = first[0] / first[1]
            width = self.width or round(self.height * ratio / CELL) * CELL
            height = self.height or round(self.width / ratio / CELL) * CELL
            size = width, height
        if max(size) > LARGEST:
            most = math.floor(LARGEST / max(first) * 20) / 20
            field = "factor" if self.width is None and self.height is None else "width"
            raise InvalidRequest(
                f"{size[0]}×{size[1]} pixels are more than {LARGEST} a side. Choose a factor of "
                f"at most {min(most, 4):g}, or a smaller first picture.",
                f"hires.{field}",
            )
        if min(size) < CELL * 8:
            raise InvalidRequest(
                f"{size[0]}×{size[1]} pixels are too few. Choose a larger size.", "hires"
            )
        return size

    def changes(self) -> dict[str, Any]:
        """Those of the fields of `Words` and `Sampling` that the second drawing has otherwise."""
        values = {name: getattr(self, name) for name in (*Words.model_fields, *SAMPLING)}
        return {name: value for name, value in values.items() if value is not None}

    def sampling(self, first: Sampling) -> Sampling:
        """How the second drawing samples, after `first`. Its `steps` are those of a whole run, of
        which the share `strength` is gone through: just as many as are asked for, which is what
        other studios mean by hires steps."""
        own = {name: value for name, value in self.changes().items() if name in SAMPLING}
        changed = first.sampling.model_copy(update=own)
        return changed.model_copy(update={"steps": _whole_run(changed.steps, self.strength)})


def _whole_run(steps: int, strength: float) -> int:
    """The least number of steps of whose share `strength`, rounded down, `steps` are left."""
    if not 0 < strength < 1:
        return steps
    whole = math.ceil(steps / strength)
    while int(whole * strength) < steps:
        whole += 1
    return whole


_ON_THE_PAGE = {
    *("prompt", "negative_prompt", "checkpoint"),
    *("scheduler", "noise_schedule", "steps", "guidance_scale"),
}


def _as_before(name: str, field: FieldInfo) -> Any:
    """A field of the first drawing once more; left out it is as it was there."""
    kind, limits = field.annotation, [one for one in field.metadata if not isinstance(one, Shown)]
    if limits:
        kind = Annotated[kind, *limits]
    what = field.description.partition(" Empty")[0]
    shown = Shown("Hires. fix") if name in _ON_THE_PAGE else None
    return (
        Annotated[kind | None, shown] if shown else kind | None,
        Field(
            None,
            title=f"Hires {field.title[0].lower()}{field.title[1:]}",
            description=f"{what} Empty: as in the first drawing.",
            json_schema_extra=field.json_schema_extra,
        ),
    )


HiresInput = create_model(
    "HiresInput",
    __base__=_Hires,
    __module__=__name__,
    __doc__="""A second drawing of the picture, larger: what it has otherwise than the first.

    `steps` are really done, whatever the strength. With `width` and `height` of another shape what
    does not fit is cut off evenly.""",
    **{
        name: _as_before(name, field)
        for name, field in (Words.model_fields | Sampling.model_fields).items()
    },
)


class RefinerInput(Frozen):
    """Another checkpoint that goes on with the same latents."""

    checkpoint: Annotated[ModelName, Shown("Refiner", "{}")] = Field(
        min_length=1,
        title="Refiner",
        description="The checkpoint that draws the rest: the SDXL refiner, or any of the same "
        "latents.",
    )
    switch_at: Annotated[float, Shown("Refiner", "from {}")] = Field(
        0.8,
        ge=0.0,
        le=1.0,
        allow_inf_nan=False,
        title="Switch at",
        description="The share of the steps after which the refiner takes over. 1 leaves it out.",
        json_schema_extra={"step": 0.01},
    )

    @model_validator(mode="before")
    @classmethod
    def _understood(cls, value: Any) -> Any:
        return _from_text(value, "checkpoint=NAME,switch_at=0.8")


def _from_text(value: Any, example: str) -> Any:
    if not isinstance(value, str):
        return value
    return as_fields(bounded(value, _MOST_CHARACTERS), example)

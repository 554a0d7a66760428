"""ControlNet units: a picture that says where things go."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from studio.domain.errors import InvalidRequest, bounded, shorten
from studio.domain.pairs import as_fields
from studio.domain.preprocessor_spec import UNION_PLACES
from studio.domain.preprocessors import find
from studio.domain.tasks import Frozen, Source

MAX_UNITS = 8
"""More than anybody uses, few enough that a slip of a script is caught."""
_MOST_SETTINGS = 32
_MOST_CHARACTERS = 20_000
"""Of a unit written as text."""

_Name = Annotated[str, Field(max_length=100)]

ControlMode = Literal["balanced", "prompt", "control"]
ControlResizeMode = Literal["just_resize", "crop_and_resize", "resize_and_fill"]

CONTROL_MODES: dict[ControlMode, str] = {
    "balanced": "Balanced",
    "prompt": "My prompt is more important",
    "control": "ControlNet is more important",
}


class ControlInput(Frozen):
    """One unit. May be written as text, "controlnet=canny,image=a.png,scale=0.8"; names that are
    none of its fields are then settings of the preprocessor, as in low_threshold=50."""

    controlnet: str = Field(
        title="ControlNet",
        min_length=1,
        max_length=1000,
        description="The model that reads the map.",
    )
    image: Source | None = Field(
        None,
        title="Control image",
        description="What the map is made from. Empty: the picture that the task begins with.",
    )
    preprocessor: _Name = Field(
        "none",
        title="Preprocessor",
        description="Makes the map. None takes the image as it is: a map already.",
    )
    settings: dict[_Name, float] = Field(
        default_factory=dict,
        max_length=_MOST_SETTINGS,
        title="Preprocessor settings",
        description="By name, such as low_threshold; what is left out is the preprocessor's own.",
    )
    resolution: Annotated[int, Field(ge=64, le=2048)] | None = Field(
        None,
        title="Preprocessor resolution",
        description="Of the short side, in pixels. Empty: pixel perfect.",
        json_schema_extra={"step": 8},
    )
    union_type: _Name | None = Field(
        None,
        title="Map shows",
        description="For a ControlNet-Union, which reads several types of map. Empty: what the "
        "preprocessor makes.",
        json_schema_extra={"enum": [*UNION_PLACES, None]},
    )
    scale: float = Field(
        1.0,
        gt=0.0,
        le=2.0,
        allow_inf_nan=False,
        title="Control weight",
        description="How strongly the map is followed.",
        json_schema_extra={"step": 0.05},
    )
    start: float = Field(
        0.0,
        ge=0.0,
        le=1.0,
        allow_inf_nan=False,
        title="Starting control step",
        description="As a fraction of the run.",
        json_schema_extra={"step": 0.01},
    )
    end: float = Field(
        1.0,
        ge=0.0,
        le=1.0,
        allow_inf_nan=False,
        title="Ending control step",
        description="As a fraction of the run.",
        json_schema_extra={"step": 0.01},
    )
    mode: ControlMode = Field(
        "balanced",
        title="Control mode",
        description="Who decides where prompt and map disagree.",
    )
    resize_mode: ControlResizeMode = Field(
        "crop_and_resize",
        title="Resize mode",
        description="How an image of another shape becomes the picture's.",
    )
    mask: Source | None = Field(
        None,
        title="Effective region",
        description="White is where the unit acts. Empty: everywhere.",
    )

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        pairs = as_fields(
            bounded(value, _MOST_CHARACTERS), "controlnet=canny,image=a.png,scale=0.8"
        )
        own = cls.model_fields.keys() - {"settings"}
        settings = {name: text for name, text in pairs.items() if name not in own}
        fields = {name: text for name, text in pairs.items() if name in own}
        return fields | {"settings": settings} if settings else fields

    @field_validator("preprocessor")
    @classmethod
    def _is_known(cls, value: str) -> str:
        try:
            return find(value).name
        except InvalidRequest as error:
            raise ValueError(str(error)) from None

    @field_validator("union_type")
    @classmethod
    def _is_a_type(cls, value: str | None) -> str | None:
        if value not in (None, *UNION_PLACES):
            raise ValueError(f"{shorten(value)} is none of: {', '.join(UNION_PLACES)}.")
        return value

    @property
    def control_type(self) -> str:
        """What its map shows, of `preprocessor_spec.CONTROL_TYPES`; "" where nothing says so."""
        return self.union_type or find(self.preprocessor).group

    @model_validator(mode="after")
    def _makes_sense(self) -> ControlInput:
        if self.start >= self.end:
            raise ValueError(
                f"it starts at {self.start:g} and ends at {self.end:g}. Let it end after it starts."
            )
        try:
            find(self.preprocessor).settled(self.settings)
        except InvalidRequest as error:
            raise ValueError(str(error)) from None
        return self


def for_tiles(controlnet: str, scale: float) -> ControlInput:
    """The unit that shows each tile of a picture what is there."""
    return ControlInput(controlnet=controlnet, scale=scale, union_type="tile")

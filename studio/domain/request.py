"""The one record that holds everything a picture needs.

Each field is declared once, with its default, range, slider step, label and help: the page makes
its control from the declaration, the command line its flag, the validation its message.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

from annotated_types import Gt
from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from studio.domain import geometry, lora_text
from studio.domain.control import MAX_UNITS, ControlInput
from studio.domain.errors import refused, shorten
from studio.domain.family import ModelFamily
from studio.domain.schedulers import NOISE_SCHEDULES, SCHEDULERS, resolve
from studio.domain.tasks import TASKS, Frozen, Task, TextToImage

MAX_SEED = 2**53 - 1
"""The largest whole number that JSON in a browser carries exactly."""
_MOST_LORAS = 32
_NAME_CHARACTERS = 100
"""Of a name that one of our own tables must know."""


_MOST_TEXT = 2200
"""A LoRA's longest name with all its characters escaped, and two weights."""


class LoraInput(Frozen):
    """A LoRA by its name in the catalog; may be written as text, "name:0.8" or "name:0.8:0.5", with
    a backslash before each colon of the name that a weight could follow.

    `weight` scales what it adds to the U-Net, `text_encoder_weight` to the text encoders (None:
    the same).
    """

    name: Annotated[str, Field(min_length=1, max_length=1000)]
    weight: float = Field(1.0, ge=-10, le=10, allow_inf_nan=False)
    text_encoder_weight: float | None = Field(None, ge=-10, le=10, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if len(value) > _MOST_TEXT:
            return {"name": value}  # which is refused for its length
        pieces = lora_text.split(value)
        count = min(len(pieces) - 1, 1 + (len(pieces) > 2 and _is_number(pieces[-2])))
        name = ":".join(pieces[: len(pieces) - count])  # a file's name may have colons in it
        weights = pieces[len(pieces) - count :]
        if not name.strip():
            raise ValueError("a LoRA needs a name, as in name:0.8.")
        if wrong := next((weight for weight in weights if not _is_number(weight)), None):
            raise ValueError(f"{shorten(wrong)} is not a weight. Write a number, as in name:0.8.")
        if "" in weights:
            raise ValueError(f"after {shorten(name + ':')} a weight is missing, as in name:0.8.")
        return dict(zip(("name", "weight", "text_encoder_weight"), (name, *weights), strict=False))


def _is_number(text: str) -> bool:
    return (
        re.fullmatch(r"\s*[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?\s*", text, re.IGNORECASE) is not None
    )


Side = Annotated[int, Field(ge=64, le=2048, multiple_of=8, json_schema_extra={"step": 8})]
Steps = Annotated[int, Field(ge=1, le=150, json_schema_extra={"step": 1})]
GuidanceScale = Annotated[
    float, Field(ge=1.0, le=30.0, allow_inf_nan=False, json_schema_extra={"step": 0.5})
]
ClipSkip = Annotated[int, Field(ge=1, le=12, json_schema_extra={"step": 1})]


def _is_text(value: str) -> str:
    """What every file and every answer can carry."""
    if "\0" in value:
        raise ValueError(f"has a NUL character at position {value.index(chr(0)) + 1}. Delete it.")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        position = error.start + 1
        raise ValueError(f"has half a character at position {position}. Delete it.") from None
    return value


def _is_known_scheduler(value: str) -> str:
    if value not in SCHEDULERS:
        raise ValueError(f"{shorten(value)} is unknown. Choose one of: {', '.join(SCHEDULERS)}.")
    return value


ModelName = Annotated[str, Field(max_length=1000), AfterValidator(_is_text)]
SchedulerName = Annotated[
    str, Field(max_length=_NAME_CHARACTERS), AfterValidator(_is_known_scheduler)
]
Text = Annotated[str, Field(max_length=20_000), AfterValidator(_is_text)]


class GenerationRequest(Frozen):
    """One request for `batch_size` pictures. Frozen; unknown fields are refused by name.

    `checkpoint`, `width` and `height` left out (None) and `seed` −1 mean "you choose":
    `settled` fixes them when the request is submitted, so what was saved is what ran.
    """

    task: Task = Field(default_factory=TextToImage, title="Task")
    prompt: Text = Field(
        "", title="Prompt", description="What the picture shows. Empty lets the model dream freely."
    )
    negative_prompt: Text = Field(
        "", title="Negative prompt", description="What the picture should not show."
    )
    checkpoint: ModelName | None = Field(
        None, title="Checkpoint", description="The model that draws."
    )
    scheduler: SchedulerName = Field(
        "DPM++ 2M",
        title="Sampler",
        description="The method that turns noise into a picture, step by step.",
    )
    noise_schedule: str = Field(
        "automatic",
        max_length=_NAME_CHARACTERS,
        title="Schedule type",
        description="How the noise is spread over the steps. Automatic suits the sampler.",
    )
    steps: Steps = Field(
        20, title="Steps", description="More steps take longer and add detail, up to a point."
    )
    guidance_scale: GuidanceScale = Field(
        7.0,
        title="Guidance scale (CFG)",
        description="How closely the picture follows the prompt. 1 ignores the negative prompt.",
    )
    guidance_rescale: float = Field(
        0.0,
        ge=0.0,
        le=1.0,
        allow_inf_nan=False,
        title="Guidance rescale",
        description="Tames over-saturated colours at high guidance. 0 is off, 0.7 is usual.",
        json_schema_extra={"step": 0.05},
    )
    width: Side | None = Field(None, title="Width", description="In pixels, a multiple of 8.")
    height: Side | None = Field(None, title="Height", description="In pixels, a multiple of 8.")
    seed: int = Field(
        -1,
        ge=-1,
        le=MAX_SEED,
        title="Seed",
        description="The same seed gives the same picture. −1 draws a new one each time.",
        json_schema_extra={"step": 1},
    )
    batch_size: int = Field(
        1,
        ge=1,
        le=16,
        title="Batch size",
        description="Pictures drawn together, with seeds counting up.",
        json_schema_extra={"step": 1},
    )
    batch_place: int | None = Field(
        None,
        ge=0,
        le=15,
        title="Place in the batch",
        description="Draws the whole batch and keeps this picture of it alone, 0 being the first: "
        "bit by bit as it came out of that batch, as devices round by how many they draw at once.",
    )
    clip_skip: ClipSkip = Field(
        1,
        title="Clip skip",
        description="1 reads the text encoder's last layer, 2 the one before. Anime models like 2.",
    )
    vae: ModelName | None = Field(
        None,
        title="VAE",
        description="What turns latents into pixels. Automatic takes the checkpoint's own.",
    )
    loras: tuple[LoraInput, ...] = Field(
        (),
        title="LoRAs",
        max_length=32,
        description="Small additions to the checkpoint, each with a weight, as in name:0.8. A "
        "backslash before a colon makes it one of the name.",
    )
    controls: tuple[ControlInput, ...] = Field(
        (),
        title="ControlNet units",
        max_length=MAX_UNITS,
        description="A picture that says where things go, as in controlnet=canny,image=a.png. "
        "Also: preprocessor and its settings, scale, start, end, mode, resize_mode, resolution, "
        "mask.",
    )
    eta: float | None = Field(
        None,
        ge=0.0,
        le=1.0,
        allow_inf_nan=False,
        title="Eta",
        description="How much of the noise is fresh: ancestral and SDE samplers, DPM fast and "
        "adaptive, DDIM, TCD. Empty: the sampler's own.",
        json_schema_extra={"step": 0.05},
    )
    s_churn: float = Field(
        0.0,
        ge=0.0,
        le=100.0,
        allow_inf_nan=False,
        title="Sigma churn",
        description="Noise stirred in on the way; Euler, Heun, HeunPP2 and DPM2 only.",
        json_schema_extra={"step": 1.0},
    )
    s_tmin: float = Field(
        0.0,
        ge=0.0,
        le=10.0,
        allow_inf_nan=False,
        title="Sigma tmin",
        description="Churn only where the noise level is above this.",
        json_schema_extra={"step": 0.05},
    )
    s_tmax: float | None = Field(
        None,
        ge=0.0,
        le=1000.0,
        allow_inf_nan=False,
        title="Sigma tmax",
        description="Churn only where the noise level is below this. Empty: no limit.",
        json_schema_extra={"step": 0.5},
    )
    s_noise: float = Field(
        1.0,
        ge=0.0,
        le=1.1,
        allow_inf_nan=False,
        title="Sigma noise",
        description="Strength of the noise that churn, ancestral, SDE and Restart samplers add.",
        json_schema_extra={"step": 0.001},
    )

    @model_validator(mode="before")
    @classmethod
    def _takes_other_names(cls, data: Any) -> Any:
        """Samplers and schedules as other programs call them become the names of our tables."""
        names = ("scheduler", "noise_schedule")
        given = data if isinstance(data, dict) else {}
        asked = [given.get(name, cls.model_fields[name].default) for name in names]
        known = all(isinstance(name, str) and len(name) <= _NAME_CHARACTERS for name in asked)
        if given.keys().isdisjoint(names) or not known:
            return data
        return {**given, **dict(zip(names, resolve(*asked), strict=True))}

    @field_validator("loras", "controls", mode="before")
    @classmethod
    def _are_few(cls, value: Any, info: ValidationInfo) -> Any:
        """Counted before any of them is looked into."""
        most = MAX_UNITS if info.field_name == "controls" else _MOST_LORAS
        if isinstance(value, list | tuple) and len(value) > most:
            raise ValueError(f"{len(value)} are too many, at most {most} are allowed.")
        return value

    @field_validator("noise_schedule")
    @classmethod
    def _is_known_noise_schedule(cls, value: str) -> str:
        if value not in NOISE_SCHEDULES:
            raise ValueError(
                f"{shorten(value)} is unknown. Choose one of: {', '.join(NOISE_SCHEDULES)}."
            )
        return value

    @model_validator(mode="after")
    def _samples_rightly(self) -> GenerationRequest:
        objection = SCHEDULERS[self.scheduler].objection(self.noise_schedule, self.steps)
        if objection:
            raise ValueError(objection)
        return self

    @model_validator(mode="after")
    def _place_is_in_batch(self) -> GenerationRequest:
        if self.batch_place is not None and self.batch_place >= self.batch_size:
            raise ValueError(
                f"batch_place: there is no place {self.batch_place} in a batch of "
                f"{self.batch_size}; the first is 0. Choose a lower one, or the batch's own size."
            )
        return self

    @property
    def places(self) -> range:
        """Those of the batch that are kept; the picture at one has the seed + its place."""
        if self.batch_place is None:
            return range(self.batch_size)
        return range(self.batch_place, self.batch_place + 1)

    @model_validator(mode="after")
    def _units_have_pictures(self) -> GenerationRequest:
        if isinstance(self.task, TextToImage):
            for place, unit in enumerate(self.controls):
                if unit.image is None:
                    raise ValueError(
                        f"controls.{place} has no image, and text to image begins with none. "
                        "Give the unit a picture."
                    )
        return self

    @classmethod
    def parse(cls, data: bytes | str | dict) -> GenerationRequest:
        """From JSON text or a dict, as `model_validate…` does, but raising `InvalidRequest`."""
        try:
            if isinstance(data, dict):
                return cls.model_validate(data)
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise refused(error, _limits, frozenset(TASKS)) from None

    def settled(
        self,
        checkpoint: str,
        family: ModelFamily,
        source_size: geometry.Size | None = None,
    ) -> GenerationRequest:
        """This request with nothing left open: checkpoint, size and seed are fixed.

        `source_size` is that of the task's picture, if it has one: the size follows its shape.
        """
        width, height = geometry.working_size(
            (self.width, self.height), family.native_size, source_size
        )
        return self.model_copy(
            update={
                "checkpoint": checkpoint,
                "width": width,
                "height": height,
                "seed": self.seed if self.seed >= 0 else secrets.randbelow(2**32),
            }
        )


@dataclass(frozen=True)
class Declaration:
    """What is declared once about a field, for the page, the command line and the messages.

    `minimum`, `maximum` and `step` are None where the field is no number.
    """

    name: str
    title: str
    help: str
    default: Any
    minimum: float | None
    maximum: float | None
    step: float | None


@cache
def declaration(name: str, kind: str | None = None) -> Declaration:
    """The declaration of a request's field, or of one of the task `kind`.

    Raises KeyError for an unknown name or kind.
    """
    return _declared(GenerationRequest if kind is None else TASKS[kind], name)


def _declared(model: type[BaseModel], name: str) -> Declaration:
    field = model.model_fields[name]
    schema = model.model_json_schema()["properties"][name]
    number = next((option for option in schema.get("anyOf", ()) if "minimum" in option), schema)
    return Declaration(
        name=name,
        title=field.title,
        help=field.description or "",
        default=None if field.is_required() else field.get_default(call_default_factory=True),
        minimum=number.get("minimum", number.get("exclusiveMinimum")),
        maximum=number.get("maximum"),
        step=number.get("step", schema.get("step")),
    )


def _limits(name: str) -> str:
    """'a whole number from 1 to 150', for a field that is a number; else ''."""
    model, name = _declares(name)
    if model is None:
        return ""
    field = _declared(model, name)
    if field.minimum is None:
        return ""
    kind = "a number" if isinstance(field.minimum, float) else "a whole number"
    if name in ("width", "height"):
        kind = "a multiple of 8"
    excluded = any(isinstance(limit, Gt) for limit in model.model_fields[name].metadata)
    lower, upper = ("above", ", up to") if excluded else ("from", " to")
    return f"{kind} {lower} {field.minimum:g}{upper} {field.maximum:.16g}"


def _declares(name: str) -> tuple[type[BaseModel] | None, str]:
    """The record that the field `name`, as errors call it, is in, and what it is called there."""
    unit, in_unit = re.subn(r"^controls\.\d+\.", "", name)
    own = name.removeprefix("task.")
    candidates = [(ControlInput, unit)] if in_unit else []
    candidates += [(model, own) for model in (GenerationRequest, *TASKS.values())]
    return next((each for each in candidates if each[1] in each[0].model_fields), (None, ""))

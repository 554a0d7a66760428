"""The one record that holds everything a picture needs.

Each field is declared once, with its default, range, slider step, label and help: the page makes
its control from the declaration, the command line its flag, the validation its message.
"""

from __future__ import annotations

import re
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
from studio.domain.control import MAX_UNITS, ControlInput, for_tiles
from studio.domain.errors import InvalidRequest, refused, shorten
from studio.domain.family import ModelFamily
from studio.domain.sampling import ModelName, Sampling, Text, Words
from studio.domain.schedulers import SCHEDULERS
from studio.domain.seamless import TilingName
from studio.domain.seeds import Seeds
from studio.domain.shown import Shown
from studio.domain.stages import HiresInput, RefinerInput
from studio.domain.tasks import TASKS, Frozen, Task, TextToImage, Upscale, is_text

_MOST_LORAS = 32
_MOST_STYLES = 32

StyleName = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(is_text)]

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


class GenerationRequest(Seeds, Sampling, Words):
    """One request for `batch_size` pictures. Frozen; unknown fields are refused by name.

    `checkpoint`, `width` and `height` left out (None) and `seed` −1 mean "you choose":
    `settled` fixes them when the request is submitted, so what was saved is what ran.
    """

    task: Task = Field(default_factory=TextToImage, title="Task")
    width: Annotated[Side | None, Shown("Size")] = Field(
        None, title="Width", description="In pixels, a multiple of 8."
    )
    height: Annotated[Side | None, Shown("Size")] = Field(
        None, title="Height", description="In pixels, a multiple of 8."
    )
    tiling: Annotated[TilingName, Shown("Advanced", "seamless")] = Field(
        "none",
        title="Seamless tiling",
        description="The picture goes on at its other side, so that copies of it can be laid side "
        "by side without a seam.",
    )
    vae: Annotated[ModelName | None, Shown("Advanced", "{}", place=-1)] = Field(
        None,
        title="VAE",
        description="What turns latents into pixels. Automatic takes the checkpoint's own.",
    )
    loras: Annotated[tuple[LoraInput, ...], Shown("LoRA")] = Field(
        (),
        title="LoRAs",
        max_length=32,
        description="Small additions to the checkpoint, each with a weight, as in name:0.8. A "
        "backslash before a colon makes it one of the name.",
    )
    controls: Annotated[tuple[ControlInput, ...], Shown("ControlNet units")] = Field(
        (),
        title="ControlNet units",
        max_length=MAX_UNITS,
        description="A picture that says where things go, as in controlnet=canny,image=a.png. "
        "Also: preprocessor and its settings, scale, start, end, mode, resize_mode, resolution, "
        "mask.",
    )

    hires: Annotated[HiresInput | None, Shown("Hires. fix")] = Field(
        None,
        title="Hires. fix",
        description="Draws the picture once more, larger, as in factor=2,strength=0.5. Also: "
        "upscaler, width, height, steps, scheduler, noise_schedule, guidance_scale, checkpoint, "
        "prompt, negative_prompt. For text to image.",
    )
    refiner: RefinerInput | None = Field(
        None,
        title="Refiner",
        description="Another checkpoint for the last steps, as in checkpoint=NAME,switch_at=0.8.",
    )

    attention_maps: Annotated[bool, Shown("Advanced", "word maps")] = Field(
        False,
        title="Where words act",
        description="Keeps, for each word of the prompt, a map of where in the picture it acted.",
    )

    styles: tuple[StyleName, ...] = Field(
        (),
        title="Styles",
        max_length=_MOST_STYLES,
        description="Words with a name that are put around the prompts, in this order.",
    )
    applied_styles: tuple[StyleName, ...] = Field(
        (),
        title="Styles in the prompts",
        max_length=_MOST_STYLES,
        description="Those that were put around them already. The studio's to tell.",
    )
    prompt_template: Text | None = Field(
        None,
        title="Prompt template",
        description="What the prompt was before styles and wildcards. The studio's to tell.",
    )
    negative_prompt_template: Text | None = Field(
        None,
        title="Negative prompt template",
        description="The same of the negative prompt.",
    )

    @field_validator("hires")
    @classmethod
    def _follows_a_drawing(
        cls, value: HiresInput | None, info: ValidationInfo
    ) -> HiresInput | None:
        if value is None or "task" not in info.data:
            return value
        if not isinstance(info.data["task"], TextToImage):
            raise ValueError(
                "goes with text to image alone. Leave it out, or draw a larger picture with image "
                "to image."
            )
        if info.data.keys() >= set(Sampling.model_fields):
            second = value.sampling(Sampling.model_construct(**info.data))
            scheduler = SCHEDULERS[second.scheduler]
            if objection := scheduler.objection(second.noise_schedule, second.steps):
                raise ValueError(objection)
        return value

    @field_validator("loras", "controls", mode="before")
    @classmethod
    def _are_few(cls, value: Any, info: ValidationInfo) -> Any:
        """Counted before any of them is looked into."""
        most = MAX_UNITS if info.field_name == "controls" else _MOST_LORAS
        if isinstance(value, list | tuple) and len(value) > most:
            raise ValueError(f"{len(value)} are too many, at most {most} are allowed.")
        return value

    @property
    def typed_prompts(self) -> tuple[str, str]:
        """Prompt and negative prompt before styles and wildcards."""
        typed = self.prompt_template, self.negative_prompt_template
        now = self.prompt, self.negative_prompt
        return tuple(text if was is None else was for was, text in zip(typed, now, strict=True))

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
        Of an upscale it is that of a tile. Raises `InvalidRequest` where a second drawing, or what
        is enlarged, is too large.
        """
        if isinstance(self.task, Upscale):
            return self._settled_upscale(checkpoint, family, source_size)
        width, height = geometry.working_size(
            (self.width, self.height), family.native_size, source_size
        )
        if self.hires:
            self.hires.size((width, height))
        return self.model_copy(
            update={
                "checkpoint": checkpoint,
                "width": width,
                "height": height,
            }
        ).with_seed()

    def _settled_upscale(
        self, checkpoint: str, family: ModelFamily, source_size: geometry.Size | None
    ) -> GenerationRequest:
        task = self.task
        if source_size:
            task.size(source_size)
        side = task.tile_size or min(family.native_size)
        if task.refine and task.tile_overlap > side // 2:
            raise InvalidRequest(
                f"{task.tile_overlap} pixels are more than half a tile of {side}. Choose at most "
                f"{side // 2}, or larger tiles.",
                "tile_overlap",
            )
        changes = {"checkpoint": checkpoint, "width": side, "height": side}
        return self.model_copy(update=changes).with_seed()

    @property
    def draws(self) -> bool:
        """Whether the checkpoint has anything to do: not where a picture is but enlarged."""
        return not isinstance(self.task, Upscale) or self.task.refine

    def as_told(self) -> GenerationRequest:
        """This request with what its models are told: of an upscale the words of its tiles, not
        those of the picture, and by a ControlNet what is there. Where there are no words, nothing
        guides."""
        task = self.task
        if not isinstance(task, Upscale):
            return self
        words = task.tile_prompt
        changes = {"prompt": words, "styles": ()}
        if task.refine and task.tile_controlnet and task.tile_control_scale:
            unit = for_tiles(task.tile_controlnet, task.tile_control_scale)
            changes["controls"] = (*self.controls, unit)
        if not words.strip():
            changes |= {"negative_prompt": "", "guidance_scale": 1.0}
        return self.model_copy(update=changes)

    def undrawn(self) -> GenerationRequest:
        """This request, by which nothing is drawn, without what acts on drawings alone; its words
        stay, as those of the picture."""
        alone = {"batch_size": 1, "batch_place": None}
        none = {"vae": None, "controls": (), "loras": (), "refiner": None, "attention_maps": False}
        return self.model_copy(update={**alone, **none})

    def second(self) -> GenerationRequest:
        """What the second drawing (`hires`) comes to, as a request of its own. Settled alone."""
        width, height = self.hires.size((self.width, self.height))
        changes = self.hires.changes() | dict(self.hires.sampling(self))
        size = {"width": width, "height": height}
        return self.model_copy(update={**changes, **size, "hires": None})


@dataclass(frozen=True)
class Declaration:
    """What is declared once about a field, for the page, the command line and the messages.

    `minimum`, `maximum` and `step` are None where the field is no number, `shown` where it stands
    in no group of settings.
    """

    name: str
    title: str
    help: str
    default: Any
    minimum: float | None
    maximum: float | None
    step: float | None
    shown: Shown | None = None


@cache
def declaration(name: str, kind: str | None = None) -> Declaration:
    """The declaration of a request's field, or of one of the task `kind`; "hires.factor" is one of
    a field that is a record of its own.

    Raises KeyError for an unknown name or kind.
    """
    if kind is not None:
        return _declared(TASKS[kind], name)
    part, _, inner = name.partition(".")
    return _declared(PARTS[part], inner) if inner else _declared(GenerationRequest, name)


@cache
def _properties(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()["properties"]


def _declared(model: type[BaseModel], name: str) -> Declaration:
    field = model.model_fields[name]
    schema = _properties(model)[name]
    number = next((option for option in schema.get("anyOf", ()) if "minimum" in option), schema)
    return Declaration(
        name=name,
        title=field.title,
        help=field.description or "",
        default=None if field.is_required() else field.get_default(call_default_factory=True),
        minimum=number.get("minimum", number.get("exclusiveMinimum")),
        maximum=number.get("maximum"),
        step=number.get("step", schema.get("step")),
        shown=next((one for one in field.metadata if isinstance(one, Shown)), None),
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
    if name.endswith(("width", "height")):
        kind = "a multiple of 8"
    excluded = any(isinstance(limit, Gt) for limit in model.model_fields[name].metadata)
    lower, upper = ("above", ", up to") if excluded else ("from", " to")
    return f"{kind} {lower} {field.minimum:g}{upper} {field.maximum:.16g}"


PARTS = {"hires": HiresInput, "refiner": RefinerInput}
"""Fields that are records of their own."""


def _declares(name: str) -> tuple[type[BaseModel] | None, str]:
    """The record that the field `name`, as errors call it, is in, and what it is called there."""
    unit, in_unit = re.subn(r"^controls\.\d+\.", "", name)
    own = name.removeprefix("task.")
    candidates = [(ControlInput, unit)] if in_unit else []
    candidates += [
        (model, name.removeprefix(f"{of}."))
        for of, model in PARTS.items()
        if name.startswith(f"{of}.")
    ]
    candidates += [(model, own) for model in (GenerationRequest, *TASKS.values())]
    return next((each for each in candidates if each[1] in each[0].model_fields), (None, ""))

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

from studio.domain import geometry
from studio.domain.control import MAX_UNITS, ControlInput, for_tiles
from studio.domain.detailers import MAX_DETAILERS, Detailer
from studio.domain.errors import InvalidRequest, refused
from studio.domain.family import ModelFamily
from studio.domain.loras import LoraInput
from studio.domain.sampling import ModelName, Sampling, Text, Words
from studio.domain.schedulers import SCHEDULERS
from studio.domain.seamless import TilingName
from studio.domain.seeds import Seeds
from studio.domain.shown import Shown
from studio.domain.stages import HiresInput, RefinerInput
from studio.domain.tasks import TASKS, Details, Task, TextToImage, Upscale, is_text

DETAIL_CHANGES = ("prompt", "negative_prompt", "steps", "guidance_scale")
"""What a detailer may say otherwise than the picture."""
_MOST = {"loras": 32, "controls": MAX_UNITS, "detailers": MAX_DETAILERS}
_MOST_STYLES = 32

StyleName = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(is_text)]

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
    detailers: Annotated[tuple[Detailer, ...], Shown("Details")] = Field(
        (),
        title="Detailers",
        max_length=MAX_DETAILERS,
        description="What is found in the picture is drawn once more, as in 'picturebook "
        "segmenter:classes=house,strength=0.5'. Also: prompt, negative_prompt, confidence, "
        "min_size, max_size, count, order, padding, mask_grow, mask_blur, steps, guidance_scale, "
        "only.",
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

    @field_validator("loras", "controls", "detailers", mode="before")
    @classmethod
    def _are_few(cls, value: Any, info: ValidationInfo) -> Any:
        """Counted before any of them is looked into."""
        most = _MOST[info.field_name]
        if isinstance(value, list | tuple) and len(value) > most:
            raise ValueError(f"{len(value)} are too many, at most {most} are allowed.")
        return value

    @field_validator("detailers")
    @classmethod
    def _follow_a_drawing(
        cls, value: tuple[Detailer, ...], info: ValidationInfo
    ) -> tuple[Detailer, ...]:
        if value and isinstance(info.data.get("task"), Upscale):
            raise ValueError(
                "nothing is found in a picture that is but enlarged. Leave them out, or begin with "
                'the larger picture: the task "details".'
            )
        return value

    @model_validator(mode="after")
    def _details_have_a_detailer(self) -> GenerationRequest:
        if isinstance(self.task, Details) and not self.active_detailers:
            raise ValueError(
                "detailers: the task details needs one that is active. Say what finds the things."
            )
        return self

    @property
    def active_detailers(self) -> dict[int, Detailer]:
        """Place -> detailer, of those that are to run."""
        return {place: one for place, one in enumerate(self.detailers) if one.active}

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
        Of an upscale it is that of a tile, of details that at which each thing is drawn. Raises
        `InvalidRequest` where a second drawing, or what is enlarged, is too large.
        """
        if isinstance(self.task, Upscale):
            return self._settled_upscale(checkpoint, family, source_size)
        if isinstance(self.task, Details):
            source_size = None  # each thing is drawn by itself
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

    def before_details(self) -> GenerationRequest:
        """What draws the picture that the detailers are run over. Not of the task details."""
        return self.model_copy(update={"detailers": ()})

    def detail(self, detailer: Detailer, place: int, number: int) -> GenerationRequest:
        """What the thing `number` of those found by `detailer` in the picture at `place` of the
        batch comes to, as a request of its own, without its picture. Settled alone."""
        asked = {name: getattr(detailer, name) for name in DETAIL_CHANGES}
        changes = {name: value for name, value in asked.items() if value}
        # Of one LoRA what the detailer says of it counts.
        loras = {lora.name: lora for lora in (*self.loras, *detailer.loras)}
        drawn_alone = {"detailers": (), "controls": (), "hires": None, "refiner": None}
        drawn_alone |= {"attention_maps": False, "tiling": "none"}
        drawn_alone |= {"seed_resize_from_width": 0, "seed_resize_from_height": 0}
        changes |= drawn_alone | {"loras": tuple(loras.values())}
        single = self.model_copy(update={"batch_place": place}).alone()
        return single.counted_on(number).model_copy(update=changes)

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
    a field that is a record of its own, "detailers.strength" of one that lists such.

    Raises KeyError for an unknown name or kind.
    """
    if kind is not None:
        return _declared(TASKS[kind], name)
    part, _, inner = name.partition(".")
    return _declared(_RECORDS[part], inner) if inner else _declared(GenerationRequest, name)


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

_LISTED = {"controls": ControlInput, "detailers": Detailer}
_RECORDS: dict[str, type[BaseModel]] = {**PARTS, **_LISTED}


def _declares(name: str) -> tuple[type[BaseModel] | None, str]:
    """The record that the field `name`, as errors call it, is in, and what it is called there."""
    own = name.removeprefix("task.")
    candidates = [
        (model, name[listed.end() :])
        for of, model in _LISTED.items()
        if (listed := re.match(rf"{of}\.\d+\.", name))
    ]
    candidates += [
        (model, name.removeprefix(f"{of}."))
        for of, model in PARTS.items()
        if name.startswith(f"{of}.")
    ]
    candidates += [(model, own) for model in (GenerationRequest, *TASKS.values())]
    return next((each for each in candidates if each[1] in each[0].model_fields), (None, ""))

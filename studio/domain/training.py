"""What a training is told, and what it tells while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from studio.domain.errors import refused
from studio.domain.seeds import MAX_SEED
from studio.domain.tasks import Frozen

TrainingKind = Literal["lora", "embedding"]
KINDS: dict[TrainingKind, str] = {"lora": "LoRA", "embedding": "embedding"}
"""Kind -> how it is called."""
Layout = Literal["flat", "kohya", "metadata"]
"""How a set of pictures is written for other trainers."""
Network = Literal["lora", "dora", "loha", "lokr"]
LrScheduler = Literal["constant", "linear", "cosine"]
Optimizer = Literal["adamw", "adamw8bit", "prodigy"]
CaptionTemplate = Literal["none", "subject", "style"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]

_LOW_FOR_PRODIGY = 0.1

_TEMPLATES = {
    "none": ("{}",),
    "subject": ("a picture of {}", "a photo of {}", "a close-up of {}", "a drawing of {}"),
    "style": ("a picture in the style of {}", "a painting in the style of {}", "{} style"),
}
"""As in section 4 of arXiv:2208.01618."""


class Training(Frozen):
    """What trainings of all kinds are told; the names are those of kohya's trainer and of
    diffusers' examples. `kind` is what the catalog calls the kind of model that comes of it."""

    kind: TrainingKind
    checkpoint: str | None = Field(
        None, max_length=1000, description="The model it is trained for. Default: the first."
    )
    name: str = Field(
        "",
        max_length=100,
        pattern=r'^[^/\\:*?"<>|\x00-\x1f.]?[^/\\:*?"<>|\x00-\x1f]*$',
        description="What it is called. Default: the folder's name.",
    )
    steps: int = Field(1000, ge=1, le=1_000_000, description="How many steps it learns.")
    batch_size: int = Field(1, ge=1, le=256, description="Pictures of one step.")
    gradient_accumulation_steps: int = Field(
        1, ge=1, le=256, description="Batches whose gradients are added up to one step."
    )
    resolution: int = Field(
        0,
        ge=0,
        le=4096,
        multiple_of=8,
        description="Side of a square picture in pixels; others have its area. "
        "0: what the model was trained on.",
    )
    optimizer: Optimizer = Field(
        "adamw",
        description="adamw8bit takes less memory, and a GPU and the package bitsandbytes. prodigy "
        "finds the learning rate by itself (arXiv:2306.06101).",
    )
    learning_rate: float
    lr_scheduler: LrScheduler = Field(
        "constant", description="How the learning rate goes down over the steps."
    )
    lr_warmup_steps: int = Field(
        0, ge=0, le=1_000_000, description="Steps in which the learning rate rises first."
    )
    min_snr_gamma: float = Field(
        5.0,
        ge=0,
        le=100,
        allow_inf_nan=False,
        description="Steps with little noise count less, by their signal-to-noise ratio "
        "(arXiv:2303.09556). 0: all alike.",
    )
    noise_offset: float = Field(
        0.0,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Noise of one value for a whole channel, so that very dark and very light "
        "pictures are learnt.",
    )
    weight_decay: float
    masked_loss: bool = Field(
        False,
        description="Learn only what is white in masks/NAME.png beside a picture, or what is "
        "opaque in the picture itself. Pictures without a mask are learnt whole.",
    )
    max_grad_norm: float = Field(
        1.0,
        ge=0,
        le=1000,
        allow_inf_nan=False,
        description="Gradients are made no longer than this. 0: never shortened.",
    )
    ema_decay: float = Field(
        0.0,
        ge=0,
        lt=1,
        allow_inf_nan=False,
        description="The moving average of the weights is kept, as 0.999. 0: the last ones.",
    )
    gradient_checkpointing: bool = Field(
        False, description="Compute more, keep less: for devices with little memory."
    )
    precision: Precision = Field(
        "auto",
        description="What is computed with. auto: bfloat16 on a GPU that has it. float16, for GPUs "
        "that have not: the loss is scaled so that small gradients are not lost.",
    )
    validation_split: float = Field(
        0.0,
        ge=0,
        le=0.5,
        allow_inf_nan=False,
        description="Share of the pictures that are only tested on.",
    )
    validate_every: int = Field(
        100, ge=1, le=1_000_000, description="Steps between two tests on those pictures."
    )
    save_every: int = Field(
        100, ge=1, le=1_000_000, description="Steps after which the training is kept, to go on."
    )
    author: str = Field("", max_length=200, description="Who made it, said in its file.")
    license: str = Field(
        "", max_length=200, description="What others may do with it, said in its file."
    )
    thumbnail: bool = Field(
        False,
        description="Put a small copy of the first picture into the file, by which others show it.",
    )
    seed: int = Field(0, ge=0, le=MAX_SEED, description="The same seed learns the same.")

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> Self:
        """As `model_validate` does, but raising `InvalidRequest`."""
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise refused(error) from None

    @property
    def rates(self) -> dict[str, float]:
        """Field -> learning rate."""
        return {"learning_rate": self.learning_rate}

    @property
    def remarks(self) -> tuple[str, ...]:
        """What should be known of settings that can be meant, and hardly are."""
        if self.optimizer != "prodigy":
            return ()
        rates = self.rates.items()
        low = [f"{name} {rate:g}" for name, rate in rates if 0 < rate < _LOW_FOR_PRODIGY]
        if not low:
            return ()
        text = (
            f"With prodigy {' and '.join(low)} learns next to nothing: prodigy finds the rate by "
            "itself, and this multiplies it. Begin anew with 1, or choose adamw."
        )
        return (text,)


class LoraTraining(Training):
    """How a LoRA is trained: layers beside those of a checkpoint."""

    kind: Literal["lora"] = "lora"
    trigger: str = Field(
        "", max_length=200, description="Word that calls it up; put before captions that lack it."
    )
    network: Network = Field("lora", description="Kind of adapter.")
    rank: int = Field(16, ge=1, le=1024, description="Its size.")
    conv_rank: int = Field(
        0,
        ge=0,
        le=1024,
        description="Its size in the U-Net's convolutions, where shapes are learnt, as LyCORIS' "
        "LoCon has it. 0: they do not learn.",
    )
    alpha: float | None = Field(
        None,
        gt=0,
        le=4096,
        allow_inf_nan=False,
        description="What it learns counts alpha / rank times. Default: the rank.",
    )
    learning_rate: float = Field(
        1e-4,
        gt=0,
        le=1,
        allow_inf_nan=False,
        description="Of the U-Net's layers. With prodigy what its own is multiplied by: 1.",
    )
    text_encoder_lr: float = Field(
        0.0,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Learning rate of the text encoders' layers. 0: they are not trained.",
    )
    weight_decay: float = Field(
        0.01, ge=0, le=1, allow_inf_nan=False, description="How the weights are drawn to nothing."
    )
    caption_dropout: float = Field(
        0.05,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of the captions that are left empty, for guidance.",
    )
    prior_pictures: int = Field(
        0,
        ge=0,
        le=10_000,
        description="Pictures that the model draws before it learns, and learns beside the others, "
        "so that what it knew stays (arXiv:2208.12242). Those in the folder reg count among them.",
    )
    prior_prompts: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=10_000)], ...], Field(max_length=1000)
    ] = Field(
        (),
        description="What these pictures show, as 'a house'. Default: the captions, without the "
        "trigger word.",
    )
    prior_loss_weight: float = Field(
        1.0,
        ge=0,
        le=100,
        allow_inf_nan=False,
        description="How much their error counts beside that of the new pictures. 0: they are not "
        "used.",
    )

    @property
    def rates(self) -> dict[str, float]:
        """Field -> learning rate."""
        return super().rates | {"text_encoder_lr": self.text_encoder_lr}

    @property
    def effective_alpha(self) -> float:
        return float(self.rank if self.alpha is None else self.alpha)

    @property
    def scale(self) -> float:
        """What is learnt counts so many times, in layers of any rank."""
        return self.effective_alpha / self.rank

    def read_as(self, caption: str, chance: float) -> str:
        """What is learnt instead of `caption`, by `chance`, 0 to 1: for guidance nothing."""
        return caption if chance >= self.caption_dropout else ""


class EmbeddingTraining(Training):
    """How an embedding is trained (textual inversion, arXiv:2208.01618): vectors that its name
    stands for in a prompt, in place of tokens. All else of the checkpoint stays as it is."""

    kind: Literal["embedding"] = "embedding"
    vectors: int = Field(
        1,
        ge=1,
        le=16,
        description="So many take the place of its name. More hold more, and leave less room for "
        "other words.",
    )
    initial_text: str = Field(
        "",
        max_length=200,
        description="Words that it begins as, such as what it is a kind of. Default: the mean of "
        "all words.",
    )
    caption_template: CaptionTemplate = Field(
        "none",
        description="What pictures without a caption are said to be, another at each step. none: "
        "its name alone. subject: 'a picture of NAME' and the like. style: 'a picture in the style "
        "of NAME' and the like.",
    )
    learning_rate: float = Field(
        5e-3,
        gt=0,
        le=1,
        allow_inf_nan=False,
        description="Of the vectors. With prodigy what its own is multiplied by: 1.",
    )
    weight_decay: float = Field(
        0.0, ge=0, le=1, allow_inf_nan=False, description="How the vectors are drawn to nothing."
    )

    @property
    def trigger(self) -> str:
        """The word that calls it up."""
        return self.name

    def read_as(self, caption: str, chance: float) -> str:
        """What is learnt instead of `caption`, by `chance`, 0 to 1: of one that is the name alone
        one of the templates. None is left out, for what is in none learns nothing."""
        templates = _TEMPLATES[self.caption_template]
        if caption != self.name:
            return caption
        return templates[int(chance * len(templates))].format(self.name)


def _with_kind(fields: Any) -> Any:
    """Who names no kind trains a LoRA."""
    return {"kind": "lora", **fields} if isinstance(fields, dict) else fields


AnyTraining = Annotated[
    LoraTraining | EmbeddingTraining, Field(discriminator="kind"), BeforeValidator(_with_kind)
]


def training_of(fields: dict[str, Any]) -> LoraTraining | EmbeddingTraining:
    """That of the kind which `fields` name. Raises `InvalidRequest`."""
    try:
        return TypeAdapter(AnyTraining).validate_python(fields)
    except ValidationError as error:
        raise refused(error, tags=get_args(TrainingKind)) from None


@dataclass(frozen=True)
class Preparing:
    """`done` of `total` are: `what`, "pictures" or "prior pictures"."""

    what: str
    done: int
    total: int


@dataclass(frozen=True)
class Waiting:
    """It waits until a time of the day, as "22:00", and has nothing in memory."""

    until: str


@dataclass(frozen=True)
class Trained:
    """A step was learnt.

    loss             of this step
    validation_loss  the newest, where there is any
    seconds_left     None until a step's length is known
    memory_bytes     most that was taken of the device; of the host's where it is the CPU
    """

    step: int
    steps: int
    loss: float
    validation_loss: float | None = None
    seconds_left: float | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True)
class Remark:
    """Something that whoever trains should know."""

    text: str


@dataclass(frozen=True)
class Snapshot:
    """What it has learnt until `step` lies at `path`, a model like any other."""

    path: Path
    step: int


@dataclass(frozen=True)
class Stopped:
    """It was stopped before its end; what it has learnt until `step` is kept, to go on with."""

    step: int


@dataclass(frozen=True)
class Done:
    """What it has learnt lies at `path`, after so many steps; of one that ended early after those
    that did best on the pictures of the validation."""

    path: Path
    steps: int
    loss: float


TrainingEvent = Preparing | Waiting | Trained | Remark | Snapshot | Stopped | Done


@dataclass(frozen=True)
class Captioned:
    """A picture to train on has a caption, the first `done` of `total`. `file`: its path below the
    folder; `caption`: what was written, or what somebody else wrote meanwhile, which stays."""

    file: str
    caption: str
    done: int
    total: int

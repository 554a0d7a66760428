"""What one drawing is told: its words and its checkpoint, and how it samples.

A request is such a record, for its first drawing; those that follow may change any field of it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from studio.domain.errors import shorten
from studio.domain.noise_schedules import NOISE_SCHEDULES
from studio.domain.prompt_dialects import DIALECTS
from studio.domain.prompt_emphasis import EMPHASES
from studio.domain.scheduler_names import resolve
from studio.domain.schedulers import SCHEDULERS
from studio.domain.shown import Shown
from studio.domain.tasks import Frozen, is_text

NAME_CHARACTERS = 100
"""Of a name that one of our own tables must know."""

Steps = Annotated[int, Field(ge=1, le=150, json_schema_extra={"step": 1})]
GuidanceScale = Annotated[
    float, Field(ge=1.0, le=30.0, allow_inf_nan=False, json_schema_extra={"step": 0.5})
]
ClipSkip = Annotated[int, Field(ge=1, le=12, json_schema_extra={"step": 1})]


def _one_of(names: Collection[str]) -> AfterValidator:
    def check(value: str) -> str:
        if value not in names:
            raise ValueError(f"{shorten(value)} is unknown. Choose one of: {', '.join(names)}.")
        return value

    return AfterValidator(check)


ModelName = Annotated[str, Field(max_length=1000), AfterValidator(is_text)]
SchedulerName = Annotated[str, Field(max_length=NAME_CHARACTERS), _one_of(SCHEDULERS)]
NoiseScheduleName = Annotated[str, Field(max_length=NAME_CHARACTERS), _one_of(NOISE_SCHEDULES)]
EmphasisName = Annotated[str, Field(max_length=NAME_CHARACTERS), _one_of(EMPHASES)]
DialectName = Annotated[str, Field(max_length=NAME_CHARACTERS), _one_of(DIALECTS)]
Text = Annotated[str, Field(max_length=20_000), AfterValidator(is_text)]


class Words(Frozen):
    """What is to be seen, and the model that draws it."""

    prompt: Text = Field(
        "", title="Prompt", description="What the picture shows. Empty lets the model dream freely."
    )
    negative_prompt: Text = Field(
        "", title="Negative prompt", description="What the picture should not show."
    )
    checkpoint: ModelName | None = Field(
        None, title="Checkpoint", description="The model that draws."
    )


class Sampling(Frozen):
    """How noise becomes a picture that follows the words."""

    scheduler: Annotated[SchedulerName, Shown("Sampling", "{}", always=True)] = Field(
        "DPM++ 2M",
        title="Sampler",
        description="The method that turns noise into a picture, step by step.",
    )
    noise_schedule: Annotated[NoiseScheduleName, Shown("Sampling")] = Field(
        "automatic",
        title="Schedule type",
        description="How the noise is spread over the steps. Automatic suits the sampler.",
    )
    steps: Annotated[Steps, Shown("Sampling", "{}", always=True)] = Field(
        20, title="Steps", description="More steps take longer and add detail, up to a point."
    )
    guidance_scale: Annotated[GuidanceScale, Shown("Sampling", "CFG {}", always=True)] = Field(
        7.0,
        title="Guidance scale (CFG)",
        description="How closely the picture follows the prompt. 1 ignores the negative prompt.",
    )
    approximate: Annotated[bool, Shown("Sampling", "approximate", "Approximate")] = Field(
        False,
        title="Approximate (faster)",
        description="Almost the same picture in less time: the deep layers of the U-Net are left "
        "out at many steps (DeepCache), the negative prompt in the last third. Small "
        "details may come out otherwise.",
    )
    guidance_rescale: Annotated[float, Shown("Advanced", "rescale {}", "CFG Rescale")] = Field(
        0.0,
        ge=0.0,
        le=1.0,
        allow_inf_nan=False,
        title="Guidance rescale",
        description="Tames over-saturated colours at high guidance. 0 is off, 0.7 is usual.",
        json_schema_extra={"step": 0.05},
    )
    clip_skip: Annotated[ClipSkip, Shown("Advanced", "clip skip {}", always=True)] = Field(
        1,
        title="Clip skip",
        description="1 reads the text encoder's last layer, 2 the one before. Anime models like 2.",
    )
    emphasis: Annotated[EmphasisName, Shown("Advanced", "emphasis {}")] = Field(
        "original",
        title="Emphasis",
        description="What becomes of weights in the prompt, as in (moon:1.3). Original keeps the "
        "overall strength, No norm suits SDXL, Ignore drops them, None reads brackets as letters.",
    )
    prompt_dialect: Annotated[DialectName, Shown("Advanced", "{label} prompt")] = Field(
        "a1111",
        title="Prompt dialect",
        description="Whose way of writing weights the prompt is in. ComfyUI's also weighs as it "
        "does.",
    )
    eta: Annotated[float | None, Shown("Advanced", "eta {}")] = Field(
        None,
        ge=0.0,
        le=1.0,
        allow_inf_nan=False,
        title="Eta",
        description="How much of the noise is fresh: ancestral and SDE samplers, DPM fast and "
        "adaptive, DDIM, TCD. Empty: the sampler's own.",
        json_schema_extra={"step": 0.05},
    )
    s_churn: Annotated[float, Shown("Advanced", "churn {}")] = Field(
        0.0,
        ge=0.0,
        le=100.0,
        allow_inf_nan=False,
        title="Sigma churn",
        description="Noise stirred in on the way; Euler, Heun, HeunPP2 and DPM2 only.",
        json_schema_extra={"step": 1.0},
    )
    s_tmin: Annotated[float, Shown("Advanced")] = Field(
        0.0,
        ge=0.0,
        le=10.0,
        allow_inf_nan=False,
        title="Sigma tmin",
        description="Churn only where the noise level is above this.",
        json_schema_extra={"step": 0.05},
    )
    s_tmax: Annotated[float | None, Shown("Advanced")] = Field(
        None,
        ge=0.0,
        le=1000.0,
        allow_inf_nan=False,
        title="Sigma tmax",
        description="Churn only where the noise level is below this. Empty: no limit.",
        json_schema_extra={"step": 0.5},
    )
    s_noise: Annotated[float, Shown("Advanced")] = Field(
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
        are_names = all(isinstance(name, str) and len(name) <= NAME_CHARACTERS for name in asked)
        if given.keys().isdisjoint(names) or not are_names:
            return data
        return {**given, **dict(zip(names, resolve(*asked), strict=True))}

    @model_validator(mode="after")
    def _samples_rightly(self) -> Sampling:
        objection = SCHEDULERS[self.scheduler].objection(self.noise_schedule, self.steps)
        if objection:
            raise ValueError(objection)
        return self

    @property
    def sampling(self) -> Sampling:
        """What of a record is about sampling, alone."""
        return Sampling.model_construct(**{name: getattr(self, name) for name in SAMPLING})


SAMPLING = tuple(Sampling.model_fields)
"""The names of its fields."""

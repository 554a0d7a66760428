"""What the pages of Learn are asked: each a small record, bounded. No torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from studio.domain.request import GenerationRequest

MODEL = "picturebook"
"""The model that is looked into: it comes with the studio, and is small enough to be looked at
while one waits."""

SAMPLER = "DDIM"
"""Its step is short enough to be done by hand."""

Seed = Annotated[int, Field(ge=0, lt=2**32)]
Text = Annotated[str, Field(max_length=500)]
PictureName = Annotated[str, Field(min_length=1, max_length=50_000_000)]


class Asked(BaseModel):
    """What every page is asked: the `seed` of its noise."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: Seed = 7

    def request(self) -> GenerationRequest:
        """What would be drawn; the model's words and steps are taken from it."""
        return GenerationRequest(checkpoint=MODEL, seed=self.seed, scheduler=SAMPLER)


class OfPicture(Asked):
    """Of a picture: `image` names one as tasks do (input:ID, picture:ID, or a data-URI); without
    it the world of picturebook draws the scene of that number."""

    scene: Seed = 3
    image: PictureName | None = None


class NoiseInAsked(OfPicture):
    """`stops`: at so many timesteps it is looked at, evenly from the first to the last."""

    stops: int = Field(26, ge=2, le=64)


class Drawn(Asked):
    """Of a drawing."""

    prompt: Text = "a red house on a meadow at sunset"
    negative_prompt: Text = ""
    steps: int = Field(20, ge=2, le=50)
    guidance_scale: float = Field(6.0, ge=1.0, le=30.0)

    def request(self) -> GenerationRequest:
        return GenerationRequest(
            checkpoint=MODEL,
            prompt=self.prompt,
            negative_prompt=self.negative_prompt,
            steps=self.steps,
            guidance_scale=self.guidance_scale,
            seed=self.seed,
            scheduler=SAMPLER,
        )


class NoiseOutAsked(Drawn):
    """Nothing more."""


class WordsAsked(Drawn):
    """`negative_prompt` is what is told to stay away, to be seen with and without."""

    negative_prompt: Text = "house"
    steps: int = Field(12, ge=2, le=30)


class LatentSpaceAsked(OfPicture):
    """`other_scene` and `other_seed` are where the walks lead to; the seeds are drawn with
    `prompt`."""

    other_scene: Seed = 5
    other_seed: Seed = 8
    prompt: Text = "a red house on a meadow at sunset"
    steps: int = Field(8, ge=2, le=20)

    def request(self) -> GenerationRequest:
        return _drawing(self)


class TrainingAsked(OfPicture):
    """It learns for so many `seconds`, looks and waits included."""

    seconds: float = Field(30.0, gt=0, le=60)


class SteeringAsked(OfPicture):
    """`prompt` is what the picture is drawn over with."""

    prompt: Text = "a white castle in the snow at night"
    steps: int = Field(12, ge=4, le=30)

    def request(self) -> GenerationRequest:
        return _drawing(self)


def _drawing(asked: LatentSpaceAsked | SteeringAsked) -> GenerationRequest:
    return GenerationRequest(
        checkpoint=MODEL,
        prompt=asked.prompt,
        steps=asked.steps,
        seed=asked.seed,
        scheduler=SAMPLER,
    )

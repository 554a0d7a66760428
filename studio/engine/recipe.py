"""A settled request as the stages that it is drawn in, one after the other: data, without torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from studio.domain.geometry import Box, Size
from studio.domain.refs import Selection
from studio.domain.request import GenerationRequest
from studio.domain.sampling import Sampling
from studio.domain.tasks import TextToImage
from studio.imaging.passes import Pass
from studio.imaging.plans import Plan

Select = Callable[[GenerationRequest], Selection]
"""Says which models a request needs."""


@dataclass(frozen=True, eq=False)
class Draw:
    """One drawing, of as many pictures as the request asks for.

    selection                the models
    prompt, negative_prompt  what they are told
    sampling                 how noise becomes a picture
    strength                 share of the steps that is gone through, 0 to 1: so much noise is added
                             to what it begins with; 1 where that is noise alone, 0 adds none
    size                     (width, height) of the picture that is drawn, in pixels
    begins                   with noise alone, or with what the stage before left, or the request
                             brings: latents, or pixels
    passes                   the runs of the denoise loop, each over a part of the canvas
    """

    selection: Selection
    prompt: str
    negative_prompt: str
    sampling: Sampling
    strength: float
    size: Size
    begins: Literal["noise", "latents", "pixels"]
    passes: tuple[Pass, ...]


Stage = Draw


def recipe(request: GenerationRequest, select: Select, plan: Plan | None) -> tuple[Stage, ...]:
    """The stages of `request`, which is settled; `plan` is that of its task (`plans.plan`), None
    where it begins with no picture. Raises as `select` does."""
    size = request.width, request.height
    task = request.task
    return (
        Draw(
            selection=select(request),
            prompt=request.prompt,
            negative_prompt=request.negative_prompt,
            sampling=request.sampling,
            strength=1.0 if isinstance(task, TextToImage) else task.strength,
            size=size,
            begins="pixels" if plan else "noise",
            passes=plan.passes if plan else (whole(size),),
        ),
    )


def whole(size: Size) -> Pass:
    """The one pass over a picture of which nothing is kept."""
    return Pass(size, Box(0, 0, *size))

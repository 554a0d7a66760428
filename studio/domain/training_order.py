"""What somebody asks for who lets the studio train: pictures, settings, and what is drawn
meanwhile."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from studio.domain.hours import Hours
from studio.domain.seeds import MAX_SEED
from studio.domain.tasks import Frozen
from studio.domain.training import LoraTraining


class Samples(Frozen):
    """Pictures that show how it gets on: each of `prompts` with the same `seed`, before the first
    step, after each `every` steps (0: never), and at the end."""

    prompts: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=10_000)], ...], Field(max_length=8)
    ] = ()
    every: int = Field(0, ge=0, le=1_000_000)
    seed: int = Field(1, ge=0, le=MAX_SEED)


class TrainingOrder(Frozen):
    """`pictures`: the name of the set that it learns from; `hours`: it waits at all others."""

    pictures: Annotated[str, Field(min_length=1, max_length=200)]
    training: LoraTraining = LoraTraining()
    samples: Samples = Samples()
    hours: Hours | None = None


_LARGE: dict[str, Any] = {"rank": 16, "learning_rate": 1e-4, "steps": 1500}
_SUITED: dict[str, dict[str, Any]] = {
    "picturebook": {
        "rank": 16,
        "learning_rate": 1e-3,
        "batch_size": 4,
        "steps": 400,
        "lr_scheduler": "cosine",
        "lr_warmup_steps": 10,
        "caption_dropout": 0.1,
    },
    "SD 1.x": _LARGE,
    "SD 2.x": _LARGE,
    "SDXL": _LARGE | {"rank": 32, "steps": 2000, "gradient_checkpointing": True},
}


def suited(family: str) -> LoraTraining:
    """Where to begin with a checkpoint of that family."""
    return LoraTraining(**_SUITED.get(family, _LARGE))

"""What somebody asks for who lets the studio train: pictures, settings, and what is drawn
meanwhile."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from studio.domain.hours import Hours
from studio.domain.seeds import MAX_SEED
from studio.domain.tasks import Frozen
from studio.domain.training import (
    AnyTraining,
    EmbeddingTraining,
    LoraTraining,
    TrainingKind,
    training_of,
)


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
    training: AnyTraining = LoraTraining()
    samples: Samples = Samples()
    hours: Hours | None = None


_LORA: dict[str, Any] = {"rank": 16, "learning_rate": 1e-4, "steps": 1500}
_EMBEDDING: dict[str, Any] = {"vectors": 4, "learning_rate": 5e-3, "steps": 1500}
_LARGE: dict[TrainingKind, dict[str, Any]] = {"lora": _LORA, "embedding": _EMBEDDING}
_SUITED: dict[TrainingKind, dict[str, dict[str, Any]]] = {
    "lora": {
        "picturebook": {
            "rank": 16,
            "conv_rank": 8,
            "learning_rate": 1e-3,
            "text_encoder_lr": 5e-4,
            "batch_size": 4,
            "steps": 400,
            "lr_scheduler": "cosine",
            "lr_warmup_steps": 10,
            "caption_dropout": 0.1,
        },
        "SDXL": _LORA | {"rank": 32, "steps": 2000, "gradient_checkpointing": True},
    },
    "embedding": {
        "picturebook": {"vectors": 4, "learning_rate": 2e-2, "batch_size": 4, "steps": 150},
        "SDXL": _EMBEDDING | {"steps": 2000, "gradient_checkpointing": True},
    },
}


def suited(family: str, kind: TrainingKind) -> LoraTraining | EmbeddingTraining:
    """Where to begin with a checkpoint of that family; of others as with any large one."""
    return training_of({"kind": kind, **_SUITED[kind].get(family, _LARGE[kind])})

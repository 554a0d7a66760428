"""What a training is asked for -> a task in which nothing is open, or why it cannot begin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from studio.domain.errors import InvalidRequest
from studio.domain.refs import ModelRef
from studio.domain.training import LoraTraining
from studio.training import dataset, keeping, models, optimizers
from studio.training.lora import Task

_MAY_CHANGE = {"steps", "save_every", "validate_every", "gradient_checkpointing"}
"""What may be other when a training goes on."""


@dataclass(frozen=True)
class Place:
    """Where LoRAs go, where trainings are kept, each in a folder of its name, and the device as on
    the command line."""

    loras: Path
    trainings: Path
    device: str


def task(
    folder: Path,
    training: LoraTraining,
    checkpoint_of: Callable[[LoraTraining], ModelRef],
    place: Place,
    resumes: bool | None,
) -> Task:
    """`resumes`: None goes on with what was begun and did not end, where there is such a thing.
    Raises `InvalidRequest` where something does not fit, or would overwrite what is there."""
    name = training.name or folder.resolve().name.strip(". ") or "lora"
    kept_in, target = place.trainings / name, place.loras / f"{name}.safetensors"
    if resumes is None:
        resumes = _is_unfinished(keeping.load(kept_in))
    if resumes:
        training = _gone_on_with(training, name, kept_in)
    else:
        _check_is_new(name, kept_in, target)
    optimizers.check(training)
    ref = checkpoint_of(training)
    models.check(ref)
    training = training.model_copy(
        update={
            "name": name,
            "checkpoint": ref.name,
            "resolution": training.resolution or ref.family.native_size[0],
            "learning_rate": _rate(training),
        }
    )
    found = dataset.read(folder, training.trigger, training.validation_split, training.seed)
    if training.masked_loss:
        dataset.check_masks(found)
    if not training.prior_loss_weight:
        found = replace(found, prior=())
        training = training.model_copy(update={"prior_pictures": 0})
    return Task(training, found, ref, target, kept_in, device=place.device, resumes=resumes)


def _rate(training: LoraTraining) -> float:
    """Prodigy's own counts whole, unless something else was said."""
    if training.optimizer == "prodigy" and "learning_rate" not in training.model_fields_set:
        return 1.0
    return training.learning_rate


def _is_unfinished(state: dict[str, Any] | None) -> bool:
    return state is not None and state["step"] < state["training"]["steps"]


def _check_is_new(name: str, kept_in: Path, target: Path) -> None:
    if target.exists():
        raise InvalidRequest(
            f"{target} is there already. Choose another name, move it away, or go on with its "
            "training (--resume, with more --steps).",
            "name",
        )
    state = keeping.load(kept_in)
    if _is_unfinished(state):
        raise InvalidRequest(
            f"The training {name!r} was stopped at step {state['step']}. Go on with it "
            f"(--resume), choose another name, or delete {kept_in}.",
            "name",
        )


def _gone_on_with(training: LoraTraining, name: str, kept_in: Path) -> LoraTraining:
    """What the kept training was told, changed by what of `training` was said and may change."""
    state = keeping.load(kept_in)
    if state is None:
        raise InvalidRequest(
            f"There is no training {name!r} to go on with in {kept_in.parent}. Begin it without "
            "--resume, or say its --name."
        )
    kept = LoraTraining.parse(state["training"])
    said = training.model_dump(include=training.model_fields_set - {"name"})
    for field, value in said.items():
        if field not in _MAY_CHANGE and value != getattr(kept, field):
            raise InvalidRequest(
                f"the training {name!r} was begun with {getattr(kept, field)!r}, which stays. "
                "Leave it out, or begin another with --name.",
                field,
            )
    changed = {field: value for field, value in said.items() if field in _MAY_CHANGE}
    return kept.model_copy(update=changed)

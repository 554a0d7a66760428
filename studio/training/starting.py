"""What a training is asked for -> a task in which nothing is open, or why it cannot begin."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from studio.domain.errors import InvalidRequest
from studio.domain.prompt_emphasis import Segment
from studio.domain.refs import ModelRef
from studio.domain.training import AnyTraining, EmbeddingTraining, training_of
from studio.training import dataset, keeping, models, optimizers
from studio.training.running import Task

_MAY_CHANGE = {
    *("steps", "save_every", "validate_every", "gradient_checkpointing"),
    *("author", "license", "thumbnail"),
}
"""What may be other when a training goes on."""

_WORD = re.compile(r"[^\W_]+([-_][^\W_]+)*")
"""What a prompt reads as one word, and as nothing else."""


@dataclass(frozen=True)
class Place:
    """results     the folder for models of the kind that is trained
    embeddings  the names of those that there are
    trainings   the folder that trainings are kept in, each in one of its name
    device      as on the command line
    """

    results: Path
    embeddings: Collection[str]
    trainings: Path
    device: str


def task(
    folder: Path,
    training: AnyTraining,
    checkpoint_of: Callable[[AnyTraining], ModelRef],
    place: Place,
    resumes: bool | None,
) -> Task:
    """`resumes`: None goes on with what was begun and did not end, where there is such a thing.
    Raises `InvalidRequest` where something does not fit, or would overwrite what is there."""
    name = training.name or folder.resolve().name.strip(". ") or training.kind
    kept_in, target = place.trainings / name, place.results / f"{name}.safetensors"
    if resumes is None:
        resumes = _is_unfinished(keeping.load(kept_in))
    if resumes:
        training = _gone_on_with(training, name, kept_in)
    else:
        _check_is_new(name, kept_in, target)
    optimizers.check(training)
    ref = checkpoint_of(training)
    models.check(ref, training.kind)
    if isinstance(training, EmbeddingTraining) and not resumes:
        _check_is_no_word(name, ref, place.embeddings)
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
    if isinstance(training, EmbeddingTraining):
        found = replace(found, prior=())  # nothing is forgotten that it would have to keep
    elif not training.prior_loss_weight:
        found = replace(found, prior=())
        training = training.model_copy(update={"prior_pictures": 0})
    return Task(training, found, ref, target, kept_in, device=place.device, resumes=resumes)


def _rate(training: AnyTraining) -> float:
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


def _check_is_no_word(name: str, ref: ModelRef, embeddings: Collection[str]) -> None:
    """Raises `InvalidRequest` where `name` cannot stand for something new in a prompt."""
    if not _WORD.fullmatch(name):
        raise InvalidRequest(
            f"{name!r} is not one word, by which a prompt could name the embedding. Choose a name "
            "of letters and digits, with - or _ between them.",
            "name",
        )
    if ref.family.count([Segment(name, 1.0, 0, len(name))], ref.family.tokenizers(ref))[0] == 1:
        raise InvalidRequest(
            f"{ref.name} knows the word {name!r} already, which would lose its meaning. Choose "
            "another name, such as one with a digit in it.",
            "name",
        )
    if taken := next((each for each in embeddings if each.lower() == name.lower()), None):
        raise InvalidRequest(
            f"There is an embedding {taken!r} already. Choose another name, or move it away.",
            "name",
        )


def _gone_on_with(training: AnyTraining, name: str, kept_in: Path) -> AnyTraining:
    """What the kept training was told, changed by what of `training` was said and may change."""
    state = keeping.load(kept_in)
    if state is None:
        raise InvalidRequest(
            f"There is no training {name!r} to go on with in {kept_in.parent}. Begin it without "
            "--resume, or say its --name."
        )
    kept = training_of(state["training"])
    if kept.kind != training.kind:
        raise InvalidRequest(
            f"The training {name!r} is one of another kind ({kept.kind}). Choose another name.",
            "name",
        )
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

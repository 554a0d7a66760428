"""What pictures are made with, as far as it can change their pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib import metadata

from studio.domain.provenance import Provenance, used
from studio.domain.refs import ModelRef, Selection
from studio.engine.recipe import Stage, Upscale, draws
from studio.residence.device import describe, kernels
from studio.residence.manager import ModelManager
from studio.version import __version__

_LIBRARIES = ("torch", "diffusers", "transformers", "spandrel", "pillow", "opencv-python-headless")


def provenance(
    stages: Sequence[Stage],
    manager: ModelManager,
    hash_of: Callable[[ModelRef], str | None],
    alters: str,
) -> Provenance:
    """Of pictures that are drawn in `stages`. `alters`: what is done to the last bits of calls that
    are left to an execution, of which there may be none."""
    is_left = any(each.checkpoint.family.has_plain_calls for each in selections(stages))
    done = alters if is_left and manager.stays else ""
    return Provenance(
        studio=__version__,
        libraries=_versions(),
        device=describe(manager.device),
        kernels=", ".join(filter(None, (kernels(manager.device), done))),
        dtype=manager.precision,
        models=used(_models(stages), hash_of),
    )


def selections(stages: Sequence[Stage]) -> list[Selection]:
    """Of all drawings, refiners among them."""
    asked = [each for draw in draws(stages) for each in (draw, draw.refiner) if each is not None]
    return [each.selection for each in asked]


def _models(stages: Sequence[Stage]) -> list[ModelRef]:
    models: list[ModelRef | None] = []
    for stage in stages:
        if isinstance(stage, Upscale):
            models += [way.network for way in stage.ways]
    for each in selections(stages):
        models += [each.checkpoint, each.vae, each.text_encoder, *(use.ref for use in each.loras)]
        models += [*each.embeddings, *each.controlnets, *each.image_encoders]
    return [model for model in models if model is not None]


@cache
def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # installed under another name, which says less than nothing
    return found

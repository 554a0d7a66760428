"""Which kind of network a folder or a file is one of: each knows its own, and is asked in turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from studio.domain.family import ModelFamily
from studio.families.stable_diffusion import recognition as stable_diffusion
from studio.families.z_image import recognition as z_image

ReadConfig = Callable[[str], Mapping[str, Any]]
"""A part of a folder -> its configuration. Raises `CheckpointError`."""


class Recognition(Protocol):
    """The module `recognition` of a family's folder."""

    def is_folder(self, index: Mapping[str, Any]) -> bool:
        """Whether a model_index.json of this content is of its kind."""
        ...

    def family_of_folder(self, name: str, read: ReadConfig) -> ModelFamily:
        """Raises `CheckpointError` where it is none that is known; `name` is for messages."""
        ...

    def parts_of(self, family: ModelFamily) -> Mapping[str, tuple[str, ...]]:
        """What such a folder consists of, and the classes that can be run; none: any."""
        ...

    def facts_of_folder(self, name: str, read: ReadConfig) -> dict[str, Any]:
        """Further ones of `ModelFacts`. Raises `CheckpointError` for what cannot be run."""
        ...


def of_folder(index: Mapping[str, Any]) -> Recognition:
    """Who knows it; whoever is asked last says what is wrong with one that nobody knows."""
    return z_image if z_image.is_folder(index) else stable_diffusion


def of_header(keys: Any) -> dict[str, Any] | None:
    """Those of `ModelFacts` that names and shapes (`catalog.keys.Keys`) tell of a file of a kind
    with names of its own. None: it is of Stable Diffusion, if anything; what there is for that is
    told apart in `catalog.probe_header`."""
    return z_image.of_header(keys)

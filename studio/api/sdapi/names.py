"""What AUTOMATIC1111 and its clients call things -> what they are called here."""

from __future__ import annotations

import re

from studio.catalog.catalog import Catalog
from studio.domain.errors import InvalidRequest, shorten
from studio.domain.noise_schedules import NOISE_SCHEDULES
from studio.domain.refs import ModelRef
from studio.domain.sampling import NAME_CHARACTERS
from studio.domain.scheduler_names import resolve
from studio.domain.schedulers import SCHEDULERS
from studio.domain.stages import LATENT_UPSCALERS, PIXEL_UPSCALERS
from studio.reading.draft import Draft
from studio.reading.hires import CLOSEST
from studio.reading.upscalers import network

NOTHING = frozenset({"", "none", "automatic", "default"})
"""What stands, in small letters, where no model is named."""

LATENT_MODES = (*LATENT_UPSCALERS, *CLOSEST)
"""How latents are enlarged there: as here, or as what comes closest."""

_HASH = re.compile(r"\s*\[[0-9a-fA-F]{4,64}\]\s*$")
_FALLS_BACK = "Use same"


class NoSampler(InvalidRequest):
    """As there: 400."""

    status = 400


def sampling(sampler: str, schedule: str) -> tuple[str, str]:
    """Our names. A schedule that the sampler cannot follow is Automatic, as there. Raises
    `NoSampler`."""
    name, noise = sampler, schedule
    if max(len(sampler), len(schedule)) <= NAME_CHARACTERS:
        name, noise = resolve(sampler, schedule or "automatic")
    if name not in SCHEDULERS:
        raise NoSampler(
            f"Sampler not found: {shorten(sampler)}. GET /sdapi/v1/samplers lists them."
        )
    if noise not in NOISE_SCHEDULES:
        raise NoSampler(
            f"Scheduler not found: {shorten(schedule)}. GET /sdapi/v1/schedulers lists them."
        )
    follows = ("automatic", *SCHEDULERS[name].noise_schedules)
    return name, noise if noise in follows else "automatic"


def same(name: str) -> bool:
    """Whether the second drawing is to have what the first one has."""
    return not name or name.startswith(_FALLS_BACK)


def hires_upscaler(name: str, catalog: Catalog) -> str:
    """A network that is not there is left to be refused where all names are."""
    if name in LATENT_MODES:
        return CLOSEST.get(name, name)
    return upscaler(name, catalog) or PIXEL_UPSCALERS[0]


def upscaler(name: str, catalog: Catalog) -> str | None:
    """None: none is asked for."""
    if name.casefold() in NOTHING:
        return None
    found = network(name, Draft(catalog))
    return found.name if found else name


def model(name: str, kind: str, catalog: Catalog) -> str | None:
    """What the catalog calls it; None: none is named. By the name alone, where its hash is of a
    file that is not here. Raises `UnknownCheckpoint` or `UnknownModel`."""
    if name.strip().casefold() in NOTHING:
        return None
    try:
        return catalog.find(name, kind).name
    except InvalidRequest:
        bare = _HASH.sub("", name)
        if bare == name:
            raise
        return catalog.find(bare, kind).name


def title(ref: ModelRef, catalog: Catalog) -> str:
    """`file.safetensors [hash]`, as it is shown there; where the file's name says nothing, or it is
    a folder, the catalog's."""
    digits = catalog.short_hash(ref)
    name = ref.path.name if ref.path.stem == ref.name else ref.name
    return f"{name} [{digits}]" if digits else name

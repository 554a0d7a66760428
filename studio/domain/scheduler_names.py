"""What other programs and people call schedulers and noise schedules -> the names of our tables."""

from __future__ import annotations

import re
from collections.abc import Iterator

from studio.domain.noise_schedules import NOISE_SCHEDULES
from studio.domain.schedulers import SCHEDULERS


def resolve(name: str, noise_schedule: str = "automatic") -> tuple[str, str]:
    """The names that the tables know for what other programs and people write.

    Any case, with or without k_, spaces, hyphens and underscores, `pp` or `++`, `ancestral` or `a`;
    classes of diffusers; a noise schedule after the sampler ("DPM++ 2M Karras"), which then counts.
    What is not known comes back as it is.
    """
    schedule = _SCHEDULE_NAMES.get(_key(noise_schedule), noise_schedule)
    for spelling in _spellings(name):
        if spelling in _SAMPLER_NAMES:
            return _SAMPLER_NAMES[spelling], schedule
        for ending in sorted(_SCHEDULE_NAMES, key=len, reverse=True):
            rest = spelling.removesuffix(ending)
            if ending and rest != spelling and rest in _SAMPLER_NAMES:
                return _SAMPLER_NAMES[rest], _SCHEDULE_NAMES[ending]
    return name, schedule


def _key(name: str) -> str:
    """What different spellings of a name have in common."""
    letters = re.sub(r"[^a-z0-9]", "", name.lower().replace("++", "pp"))
    return letters.replace("ancestral", "a")


def _spellings(name: str) -> Iterator[str]:
    key = _key(name)
    yield from (key, key.removeprefix("k"), key.removeprefix("sample"), key.removesuffix("gpu"))


def _sampler_names() -> dict[str, str]:
    """Key -> name. Where several entries share a diffusers class the first has its name."""
    names: dict[str, str] = {}
    for spec in SCHEDULERS.values():
        for spelling in (spec.name, *spec.aliases):
            names[_key(spelling)] = spec.name
    for spec in SCHEDULERS.values():
        for spelling in (spec.diffusers_class, spec.diffusers_class.removesuffix("Scheduler")):
            if spelling:
                names.setdefault(_key(spelling), spec.name)
    return names


_SAMPLER_NAMES = _sampler_names()
_SCHEDULE_NAMES = {
    **{_key(label): name for name, label in NOISE_SCHEDULES.items()},
    **{_key(name): name for name in NOISE_SCHEDULES},
    "": "automatic",
    "auto": "automatic",
    "k": "karras",
    "ays": "align_your_steps",
    "ddimuniform": "ddim",
}

"""The schedulers of diffusers, in our configuration: what ours are held against."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

import diffusers
from diffusers import SchedulerMixin

from studio.diffusion import schedulers
from studio.diffusion.diffusers_scheduler import DiffusersScheduler
from studio.domain.schedulers import SCHEDULERS


def diffusers_own(
    name: str, noise_schedule: str, prediction_type: str = "epsilon", seeds: Sequence[int] = (1,)
) -> SchedulerMixin | None:
    """What `name` is in diffusers; None where it cannot follow `noise_schedule` there."""
    spec = SCHEDULERS[name]
    cls = getattr(diffusers, spec.diffusers_class)
    known = inspect.signature(cls.__init__).parameters
    wanted = schedulers._NOISE_SCHEDULE_OPTIONS[spec.noise_schedule(noise_schedule)]
    if not set(wanted) <= set(known):
        return None
    options = {**schedulers._BASE, **spec.options, **wanted, "noise_sampler_seed": list(seeds)}
    options["prediction_type"] = prediction_type
    return cls(**{key: value for key, value in options.items() if key in known})


def for_pipeline(
    name: str, noise_schedule: str, prediction_type: str, seeds: Sequence[int]
) -> SchedulerMixin:
    """For a pipeline of diffusers: the class that ours adapts, else the one that it replaces."""
    built = schedulers.build(name, noise_schedule, prediction_type, seeds)
    if isinstance(built, DiffusersScheduler):
        return built.inner
    return diffusers_own(name, noise_schedule, prediction_type, seeds)

"""A fresh diffusers scheduler for each request, from its name.

Schedulers keep state, so none is ever shared or reconfigured: options of one sampler would leak
into the next. All are built from one canonical configuration, that of Stable Diffusion 1.x.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import diffusers
import torch

from studio.domain.schedulers import SCHEDULERS

_BASE = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "steps_offset": 1,
    "clip_sample": False,
    "set_alpha_to_one": False,
}

_NOISE_SCHEDULE_OPTIONS: dict[str, dict[str, Any]] = {
    "normal": {},
    "karras": {"use_karras_sigmas": True},
    "exponential": {"use_exponential_sigmas": True},
    "beta": {"use_beta_sigmas": True},
    "sgm_uniform": {"timestep_spacing": "trailing"},
}


def build(name: str, noise_schedule: str, prediction_type: str, seeds: Sequence[int]) -> Any:
    """A diffusers scheduler named as in `domain.schedulers`, not yet told its steps.

    `noise_schedule` may be "automatic". `seeds`, one a picture, feed the one sampler that draws
    its noise from a Brownian tree of its own instead of from the generators.
    """
    spec = SCHEDULERS[name]
    cls = getattr(diffusers, spec.diffusers_class)
    known = inspect.signature(cls.__init__).parameters
    resolved = spec.noise_schedule(noise_schedule)
    options = {**_BASE, **spec.options, **_NOISE_SCHEDULE_OPTIONS[resolved]}
    options["prediction_type"] = prediction_type
    options["noise_sampler_seed"] = list(seeds)
    return cls(**{key: value for key, value in options.items() if key in known})


def set_steps(scheduler: Any, steps: int) -> torch.Tensor:
    """Fix the run's timesteps, on the host, and return them: one entry a U-Net call.

    On the host nothing in `step` waits for the device: with timesteps on a GPU several schedulers
    read them back at every step. Telling the first index also keeps a schedule with two equal
    timesteps (beta, from 32 steps) from being misread.
    """
    scheduler.set_timesteps(steps, device="cpu")
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(0)
    return scheduler.timesteps


def step_options(scheduler: Any, generators: Sequence[torch.Generator]) -> dict[str, Any]:
    """What `scheduler.step` takes beyond the prediction: a generator for each picture, if any."""
    if "generator" in inspect.signature(scheduler.step).parameters:
        return {"generator": list(generators)}
    return {}


def alphas_cumprod_at(scheduler: Any, timesteps: torch.Tensor) -> torch.Tensor:
    """ᾱ at each (possibly fractional) timestep, float32 on the host; linear in between."""
    table = scheduler.alphas_cumprod.to("cpu", torch.float32)
    exact = timesteps.to("cpu", torch.float32).clamp(0, len(table) - 1)
    low = exact.floor().long()
    high = (low + 1).clamp(max=len(table) - 1)
    return torch.lerp(table[low], table[high], exact - low)

"""Which schedulers (the menu "Sampler") and noise schedules exist, as plain data.

One table serves the menus, the validation of requests and `diffusion/schedulers.py`, which
builds the objects. `diffusers_class` is only a name here: the domain imports no torch.

What is listed samples rightly: tested against an analytic model (data N(0, 0.5²) with the exact
predictor), whose samples must come out with a spread of 0.5. `min_steps` is where a spread above
0.75, which is noise left in the picture, ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

NOISE_SCHEDULES: Mapping[str, str] = MappingProxyType(
    {
        "automatic": "Automatic",
        "normal": "Normal",
        "karras": "Karras",
        "exponential": "Exponential",
        "beta": "Beta",
        "sgm_uniform": "SGM Uniform",
    }
)
"""Name in a request -> label artists know."""

_SIGMAS = ("normal", "karras", "exponential", "beta", "sgm_uniform")
_TIMESTEPS = ("normal", "sgm_uniform")


@dataclass(frozen=True)
class SchedulerSpec:
    """One entry of the sampler menu.

    name             as artists know it, and as it stands in a request
    diffusers_class  the class in `diffusers`
    options          constructor options beyond the base configuration
    noise_schedules  those it can follow, without "automatic"
    automatic        the noise schedule that "automatic" stands for
    min_steps        noise schedule -> least steps, where fewer leave noise or explode
    """

    name: str
    diffusers_class: str
    automatic: str = "normal"
    noise_schedules: tuple[str, ...] = _SIGMAS
    options: Mapping[str, Any] = field(default_factory=dict)
    min_steps: Mapping[str, int] = field(default_factory=dict)

    def noise_schedule(self, wanted: str) -> str:
        """Resolve "automatic"."""
        return self.automatic if wanted == "automatic" else wanted

    def objection(self, noise_schedule: str, steps: int) -> str | None:
        """Why this combination gives no right picture, or None. `steps` counts from 1."""
        resolved = self.noise_schedule(noise_schedule)
        if resolved not in self.noise_schedules:
            allowed = ", ".join(NOISE_SCHEDULES[name] for name in self.noise_schedules)
            return (
                f"{self.name} cannot follow the {NOISE_SCHEDULES[resolved]} noise schedule. "
                f"Choose Automatic or one of: {allowed}."
            )
        least = self.min_steps.get(resolved, 1)
        if steps < least:
            return (
                f"steps: {self.name} with the {NOISE_SCHEDULES[resolved]} noise schedule needs at "
                f"least {least}, with {steps} noise is left in the picture."
            )
        return None


_SPECS = (
    SchedulerSpec("DPM++ 2M", "DPMSolverMultistepScheduler", automatic="karras"),
    SchedulerSpec(
        "DPM++ 2M SDE",
        "DPMSolverMultistepScheduler",
        automatic="exponential",
        options={"algorithm_type": "sde-dpmsolver++"},
    ),
    SchedulerSpec(
        "DPM++ 3M SDE",
        "DPMSolverMultistepScheduler",
        automatic="exponential",
        noise_schedules=("normal", "karras", "exponential", "sgm_uniform"),
        options={"algorithm_type": "sde-dpmsolver++", "solver_order": 3},
    ),
    SchedulerSpec("DPM++ SDE", "DPMSolverSDEScheduler", automatic="karras"),
    SchedulerSpec("DPM++ 2S", "DPMSolverSinglestepScheduler", automatic="karras"),
    SchedulerSpec("Euler", "EulerDiscreteScheduler"),
    SchedulerSpec("Euler a", "EulerAncestralDiscreteScheduler", noise_schedules=_TIMESTEPS),
    SchedulerSpec("LMS", "LMSDiscreteScheduler"),
    SchedulerSpec(
        "Heun",
        "HeunDiscreteScheduler",
        min_steps={"normal": 4, "karras": 5, "exponential": 5, "beta": 8},
    ),
    SchedulerSpec(
        "DPM2",
        "KDPM2DiscreteScheduler",
        automatic="karras",
        min_steps={"normal": 5, "karras": 4, "exponential": 4, "beta": 10},
    ),
    SchedulerSpec(
        "DPM2 a",
        "KDPM2AncestralDiscreteScheduler",
        automatic="karras",
        min_steps={"normal": 7, "karras": 7, "exponential": 7, "beta": 16},
    ),
    SchedulerSpec("UniPC", "UniPCMultistepScheduler"),
    SchedulerSpec(
        "DEIS",
        "DEISMultistepScheduler",
        min_steps={"karras": 2, "exponential": 2, "beta": 2},
    ),
    SchedulerSpec("DDIM", "DDIMScheduler", noise_schedules=_TIMESTEPS, min_steps={"normal": 2}),
    SchedulerSpec(
        "PLMS",
        "PNDMScheduler",
        noise_schedules=("normal",),
        options={"skip_prk_steps": True},
        min_steps={"normal": 3},
    ),
    SchedulerSpec("DDPM", "DDPMScheduler", noise_schedules=_TIMESTEPS, min_steps={"normal": 2}),
    SchedulerSpec("LCM", "LCMScheduler", noise_schedules=("normal",)),
    SchedulerSpec("TCD", "TCDScheduler", noise_schedules=("normal",)),
    SchedulerSpec(
        "SA-Solver",
        "SASolverScheduler",
        noise_schedules=("normal", "karras", "exponential", "sgm_uniform"),
        min_steps={"karras": 9, "exponential": 6},
    ),
)

SCHEDULERS: Mapping[str, SchedulerSpec] = MappingProxyType({spec.name: spec for spec in _SPECS})
"""Name -> spec, in menu order."""

"""Which schedulers (the menu "Sampler") and noise schedules exist, as plain data.

One table serves the menus, the validation of requests and `diffusion/schedulers.py`, which
builds the objects. `diffusers_class` is only a name here: the domain imports no torch.

What is listed samples rightly: checked against an analytic model (data N(0, 0.5²) with an exact
predictor), where the final spread must come out at 0.5. `min_steps` is where that begins.
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
    min_steps        fewer steps leave noise or explode
    min_steps_for    a higher bound under one noise schedule
    """

    name: str
    diffusers_class: str
    automatic: str = "normal"
    noise_schedules: tuple[str, ...] = _SIGMAS
    options: Mapping[str, Any] = field(default_factory=dict)
    min_steps: int = 1
    min_steps_for: Mapping[str, int] = field(default_factory=dict)

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
        least = max(self.min_steps, self.min_steps_for.get(resolved, 1))
        if steps < least:
            return f"{self.name} needs at least {least} steps, or noise is left in the picture."
        return None


_SPECS = (
    SchedulerSpec("DPM++ 2M", "DPMSolverMultistepScheduler", automatic="karras"),
    SchedulerSpec(
        "DPM++ 2M SDE",
        "DPMSolverMultistepScheduler",
        automatic="karras",
        options={"algorithm_type": "sde-dpmsolver++"},
        min_steps=5,
    ),
    SchedulerSpec(
        "DPM++ 3M SDE",
        "DPMSolverMultistepScheduler",
        automatic="karras",
        options={"algorithm_type": "sde-dpmsolver++", "solver_order": 3},
        min_steps=5,
    ),
    SchedulerSpec("DPM++ SDE", "DPMSolverSDEScheduler", automatic="karras", min_steps=5),
    SchedulerSpec("DPM++ 2S", "DPMSolverSinglestepScheduler", automatic="karras"),
    SchedulerSpec("Euler", "EulerDiscreteScheduler"),
    SchedulerSpec("Euler a", "EulerAncestralDiscreteScheduler", noise_schedules=_TIMESTEPS),
    SchedulerSpec("LMS", "LMSDiscreteScheduler", automatic="normal"),
    SchedulerSpec("Heun", "HeunDiscreteScheduler", min_steps=5),
    SchedulerSpec("DPM2", "KDPM2DiscreteScheduler", automatic="karras", min_steps=5),
    SchedulerSpec("DPM2 a", "KDPM2AncestralDiscreteScheduler", automatic="karras", min_steps=5),
    SchedulerSpec("UniPC", "UniPCMultistepScheduler"),
    SchedulerSpec("DEIS", "DEISMultistepScheduler", min_steps_for={"karras": 2, "exponential": 2}),
    SchedulerSpec("DDIM", "DDIMScheduler", noise_schedules=_TIMESTEPS),
    SchedulerSpec(
        "PLMS",
        "PNDMScheduler",
        noise_schedules=("normal",),
        options={"skip_prk_steps": True},
        min_steps=3,
    ),
    SchedulerSpec("DDPM", "DDPMScheduler", noise_schedules=_TIMESTEPS),
    SchedulerSpec("LCM", "LCMScheduler", noise_schedules=("normal",)),
    SchedulerSpec("TCD", "TCDScheduler", noise_schedules=("normal",)),
    SchedulerSpec("SA-Solver", "SASolverScheduler", min_steps=5, min_steps_for={"karras": 10}),
)

SCHEDULERS: Mapping[str, SchedulerSpec] = MappingProxyType({spec.name: spec for spec in _SPECS})
"""Name -> spec, in menu order."""

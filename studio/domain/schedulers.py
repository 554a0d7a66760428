"""Which schedulers (the menu "Sampler") exist, and which noise schedules each follows, as data.

One table serves the menus, the validation of requests and `diffusion/schedulers.py`, which
builds the objects. Classes are only names here: the domain imports no torch.

What is listed samples rightly: tested against an analytic model (data N(0, 0.5²) with the exact
predictor), whose samples must come out with a spread of 0.5. `min_steps` is where a spread above
0.75, which is noise left in the picture, ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from studio.domain.noise_schedules import ALIGN_YOUR_STEPS, NOISE_SCHEDULES

_SIGMAS = tuple(name for name in NOISE_SCHEDULES if name != "automatic")
_TIMESTEPS = ("normal", "sgm_uniform")


def _without(names: tuple[str, ...], *left_out: str) -> tuple[str, ...]:
    return tuple(name for name in names if name not in left_out)


_TO_PURE_NOISE = _without(_SIGMAS, "align_your_steps", "ddim", "beta")
"""Those that begin at the very last timestep and do not linger there, where σ is in the thousands
for a zero-SNR model."""

ANCESTRAL = frozenset({"eta", "s_noise"})
CHURN = frozenset({"s_churn", "s_tmin", "s_tmax", "s_noise"})


@dataclass(frozen=True)
class SamplerOptions:
    """What a request and its model ask of a sampler beyond the noise schedule.

    eta             how much of the noise is fresh; None is the sampler's own default
    s_churn         noise stirred in over the whole run, from s_tmin ≤ σ to σ ≤ s_tmax (None: ∞)
    s_noise         strength of all noise that is added
    zero_snr        the model was trained with a schedule that ends in pure noise
    optimal_sigmas  what Align Your Steps interpolates for the model's family
    """

    eta: float | None = None
    s_churn: float = 0.0
    s_tmin: float = 0.0
    s_tmax: float | None = None
    s_noise: float = 1.0
    zero_snr: bool = False
    optimal_sigmas: tuple[float, ...] = ALIGN_YOUR_STEPS


@dataclass(frozen=True)
class SchedulerSpec:
    """One entry of the sampler menu.

    name             as artists know it, and as it stands in a request
    diffusers_class  the class in `diffusers`, "" where it has none
    sampler          our own class of `diffusion.samplers` that is used instead, "" where none is
    options          constructor options of the diffusers class beyond the base configuration
    noise_schedules  those it can follow, without "automatic"
    automatic        the noise schedule that "automatic" stands for
    min_steps        noise schedule -> least steps, where fewer leave noise or explode
    honours          those of eta, s_churn, s_tmin, s_tmax, s_noise that change its picture
    zero_snr         noise schedules that sample a zero-SNR model rightly
    calls            of the U-Net a step takes
    aliases          further names, beyond those that `resolve` derives
    """

    name: str
    diffusers_class: str = ""
    sampler: str = ""
    automatic: str = "normal"
    noise_schedules: tuple[str, ...] = _SIGMAS
    options: Mapping[str, Any] = field(default_factory=dict)
    min_steps: Mapping[str, int] = field(default_factory=dict)
    honours: frozenset[str] = frozenset()
    zero_snr: tuple[str, ...] = ()
    calls: int = 1
    aliases: tuple[str, ...] = ()

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
    SchedulerSpec(
        "DPM++ 2M",
        "DPMSolverMultistepScheduler",
        automatic="karras",
        min_steps={"ddim": 2},
        zero_snr=_TO_PURE_NOISE,
    ),
    SchedulerSpec(
        "DPM++ SDE",
        "DPMSolverSDEScheduler",
        "DpmPlusPlusSde",
        automatic="karras",
        honours=ANCESTRAL,
        zero_snr=_TO_PURE_NOISE,
        calls=2,
    ),
    SchedulerSpec(
        "DPM++ 2M SDE",
        "DPMSolverMultistepScheduler",
        "SdeMultistep",
        automatic="exponential",
        noise_schedules=_without(_SIGMAS, "uniform"),
        options={"algorithm_type": "sde-dpmsolver++"},
        min_steps={"ddim": 2},
        honours=ANCESTRAL,
        zero_snr=_without(_TO_PURE_NOISE, "uniform"),
    ),
    SchedulerSpec(
        "DPM++ 2M SDE Heun",
        "DPMSolverMultistepScheduler",
        "SdeMultistep",
        automatic="exponential",
        noise_schedules=_without(_SIGMAS, "uniform", "ddim", "beta"),
        options={"algorithm_type": "sde-dpmsolver++", "solver_type": "heun"},
        min_steps={"kl_optimal": 13},
        honours=ANCESTRAL,
        zero_snr=_without(_TO_PURE_NOISE, "uniform", "karras", "kl_optimal"),
    ),
    SchedulerSpec(
        "DPM++ 2S", "DPMSolverSinglestepScheduler", automatic="karras", min_steps={"ddim": 2}
    ),
    SchedulerSpec(
        "DPM++ 2S a",
        sampler="DpmPlusPlus2SAncestral",
        automatic="karras",
        honours=ANCESTRAL,
        zero_snr=_TO_PURE_NOISE,
        calls=2,
    ),
    SchedulerSpec(
        "DPM++ 3M SDE",
        "DPMSolverMultistepScheduler",
        "SdeMultistep",
        automatic="exponential",
        noise_schedules=_without(_SIGMAS, "uniform", "ddim", "beta"),
        options={"algorithm_type": "sde-dpmsolver++", "solver_order": 3},
        min_steps={"karras": 9, "kl_optimal": 16},
        honours=ANCESTRAL,
        zero_snr=_without(_TO_PURE_NOISE, "uniform", "karras", "kl_optimal"),
    ),
    SchedulerSpec(
        "Euler a",
        "EulerAncestralDiscreteScheduler",
        "EulerAncestral",
        honours=ANCESTRAL,
        zero_snr=_without(_TO_PURE_NOISE, "karras"),
    ),
    SchedulerSpec(
        "Euler", "EulerDiscreteScheduler", "Euler", honours=CHURN, zero_snr=_TO_PURE_NOISE
    ),
    SchedulerSpec("Euler CFG++", sampler="EulerCfgPlusPlus", zero_snr=_TO_PURE_NOISE),
    SchedulerSpec(
        "Euler a CFG++",
        sampler="EulerAncestralCfgPlusPlus",
        honours=ANCESTRAL,
        zero_snr=_without(_TO_PURE_NOISE, "karras"),
    ),
    SchedulerSpec("LMS", "LMSDiscreteScheduler", "Lms", automatic="karras"),
    SchedulerSpec(
        "Heun",
        "HeunDiscreteScheduler",
        "Heun",
        min_steps={
            "normal": 4,
            "uniform": 4,
            "karras": 5,
            "exponential": 5,
            "polyexponential": 5,
            "kl_optimal": 5,
            "ddim": 3,
            "beta": 8,
        },
        honours=CHURN,
        zero_snr=_without(_TO_PURE_NOISE, "karras", "kl_optimal"),
        calls=2,
    ),
    SchedulerSpec(
        "HeunPP2", sampler="HeunPlusPlus", honours=CHURN, zero_snr=_TO_PURE_NOISE, calls=3
    ),
    SchedulerSpec(
        "DPM2",
        "KDPM2DiscreteScheduler",
        "Dpm2",
        automatic="karras",
        min_steps={
            "normal": 5,
            "uniform": 5,
            "karras": 4,
            "exponential": 4,
            "polyexponential": 4,
            "kl_optimal": 4,
            "ddim": 4,
            "beta": 10,
        },
        honours=CHURN,
        zero_snr=_TO_PURE_NOISE,
        calls=2,
    ),
    SchedulerSpec(
        "DPM2 a",
        "KDPM2AncestralDiscreteScheduler",
        "Dpm2Ancestral",
        automatic="karras",
        min_steps={
            "normal": 7,
            "uniform": 7,
            "karras": 7,
            "exponential": 7,
            "polyexponential": 7,
            "kl_optimal": 5,
            "ddim": 6,
            "beta": 16,
        },
        honours=ANCESTRAL,
        zero_snr=_without(_TO_PURE_NOISE, "karras", "exponential", "polyexponential"),
        calls=2,
    ),
    SchedulerSpec(
        "DPM fast",
        sampler="DpmFast",
        automatic="exponential",
        noise_schedules=("exponential",),
        min_steps={"exponential": 3},
        honours=ANCESTRAL,
        zero_snr=("exponential",),
    ),
    SchedulerSpec(
        "DPM adaptive",
        sampler="DpmAdaptive",
        automatic="exponential",
        noise_schedules=("exponential",),
        honours=ANCESTRAL,
        aliases=("dpm_ad",),
    ),
    SchedulerSpec(
        "Restart",
        sampler="Restart",
        automatic="karras",
        min_steps={
            "normal": 4,
            "uniform": 4,
            "karras": 5,
            "exponential": 5,
            "polyexponential": 5,
            "kl_optimal": 5,
            "ddim": 3,
            "beta": 8,
        },
        honours=frozenset({"s_noise"}),
        zero_snr=_without(_TO_PURE_NOISE, "karras", "kl_optimal"),
        calls=2,
    ),
    SchedulerSpec(
        "UniPC",
        "UniPCMultistepScheduler",
        min_steps={"ddim": 2},
        zero_snr=_TO_PURE_NOISE,
        aliases=("uni_pc_bh2",),
    ),
    SchedulerSpec(
        "DEIS",
        "DEISMultistepScheduler",
        min_steps={
            "uniform": 2,
            "karras": 2,
            "exponential": 2,
            "polyexponential": 2,
            "kl_optimal": 2,
            "align_your_steps": 3,
            "simple": 3,
            "ddim": 2,
            "beta": 2,
            "turbo": 3,
        },
    ),
    SchedulerSpec("IPNDM", sampler="Ipndm", automatic="karras", zero_snr=_TO_PURE_NOISE),
    SchedulerSpec("IPNDM_V", sampler="IpndmVariable", automatic="karras", zero_snr=_TO_PURE_NOISE),
    SchedulerSpec(
        "DDIM",
        "DDIMScheduler",
        noise_schedules=_TIMESTEPS,
        min_steps={"normal": 2},
        honours=frozenset({"eta"}),
        zero_snr=_TIMESTEPS,
    ),
    SchedulerSpec(
        "DDIM CFG++", sampler="EulerCfgPlusPlus", automatic="ddim", zero_snr=_TO_PURE_NOISE
    ),
    SchedulerSpec(
        "PLMS",
        "PNDMScheduler",
        "Plms",
        noise_schedules=("normal",),
        options={"skip_prk_steps": True},
        min_steps={"normal": 3},
    ),
    SchedulerSpec(
        "DDPM",
        "DDPMScheduler",
        noise_schedules=_TIMESTEPS,
        min_steps={"normal": 2},
        zero_snr=_TIMESTEPS,
    ),
    SchedulerSpec("LCM", "LCMScheduler", noise_schedules=("normal",), zero_snr=("normal",)),
    SchedulerSpec(
        "TCD",
        "TCDScheduler",
        noise_schedules=("normal",),
        honours=frozenset({"eta"}),
        zero_snr=("normal",),
    ),
    SchedulerSpec(
        "SA-Solver",
        "SASolverScheduler",
        noise_schedules=_without(_SIGMAS, "uniform", "beta"),
        min_steps={
            "karras": 9,
            "exponential": 6,
            "polyexponential": 6,
            "kl_optimal": 11,
            "align_your_steps": 4,
            "simple": 5,
            "ddim": 15,
            "turbo": 5,
        },
    ),
)

SCHEDULERS: Mapping[str, SchedulerSpec] = MappingProxyType({spec.name: spec for spec in _SPECS})
"""Name -> spec, in menu order."""

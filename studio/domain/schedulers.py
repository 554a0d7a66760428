"""Which schedulers (the menu "Sampler") and noise schedules exist, as plain data.

One table serves the menus, the validation of requests and `diffusion/schedulers.py`, which
builds the objects. Classes are only names here: the domain imports no torch.

What is listed samples rightly: tested against an analytic model (data N(0, 0.5²) with the exact
predictor), whose samples must come out with a spread of 0.5. `min_steps` is where a spread above
0.75, which is noise left in the picture, ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

NOISE_SCHEDULES: Mapping[str, str] = MappingProxyType(
    {
        "automatic": "Automatic",
        "normal": "Normal",
        "uniform": "Uniform",
        "karras": "Karras",
        "exponential": "Exponential",
        "polyexponential": "Polyexponential",
        "sgm_uniform": "SGM Uniform",
        "kl_optimal": "KL Optimal",
        "align_your_steps": "Align Your Steps",
        "simple": "Simple",
        "ddim": "DDIM",
        "beta": "Beta",
        "turbo": "Turbo",
    }
)
"""Name in a request -> label artists know."""

_SIGMAS = tuple(name for name in NOISE_SCHEDULES if name != "automatic")
_TIMESTEPS = ("normal", "sgm_uniform")

ALIGN_YOUR_STEPS = (
    14.6146412293,
    6.4745760956,
    3.8636745985,
    2.6946151520,
    1.8841921177,
    1.3943805092,
    0.9642583904,
    0.6523686016,
    0.3977456272,
    0.1515232662,
    0.0291671582,
)
"""σ of ten steps that NVIDIA found best for Stable Diffusion 1.5 (arXiv:2404.14507)."""

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
    SchedulerSpec("DPM++ 2M", "DPMSolverMultistepScheduler", automatic="karras"),
    SchedulerSpec(
        "DPM++ SDE",
        "DPMSolverSDEScheduler",
        automatic="karras",
        honours=frozenset({"s_noise"}),
    ),
    SchedulerSpec(
        "DPM++ 2M SDE",
        "DPMSolverMultistepScheduler",
        "SdeMultistep",
        automatic="exponential",
        options={"algorithm_type": "sde-dpmsolver++"},
        honours=ANCESTRAL,
    ),
    SchedulerSpec(
        "DPM++ 2M SDE Heun",
        "DPMSolverMultistepScheduler",
        "SdeMultistep",
        automatic="exponential",
        options={"algorithm_type": "sde-dpmsolver++", "solver_type": "heun"},
        honours=ANCESTRAL,
    ),
    SchedulerSpec("DPM++ 2S", "DPMSolverSinglestepScheduler", automatic="karras"),
    SchedulerSpec(
        "DPM++ 2S a",
        sampler="DpmPlusPlus2SAncestral",
        automatic="karras",
        honours=ANCESTRAL,
    ),
    SchedulerSpec(
        "DPM++ 3M SDE",
        "DPMSolverMultistepScheduler",
        "SdeMultistep",
        automatic="exponential",
        options={"algorithm_type": "sde-dpmsolver++", "solver_order": 3},
        honours=ANCESTRAL,
    ),
    SchedulerSpec(
        "Euler a", "EulerAncestralDiscreteScheduler", "EulerAncestral", honours=ANCESTRAL
    ),
    SchedulerSpec("Euler", "EulerDiscreteScheduler", "Euler", honours=CHURN),
    SchedulerSpec("Euler CFG++", sampler="EulerCfgPlusPlus", aliases=("euler_cfg_pp",)),
    SchedulerSpec("Euler a CFG++", sampler="EulerAncestralCfgPlusPlus", honours=ANCESTRAL),
    SchedulerSpec("LMS", "LMSDiscreteScheduler"),
    SchedulerSpec("Heun", "HeunDiscreteScheduler", "Heun", honours=CHURN),
    SchedulerSpec("HeunPP2", sampler="HeunPlusPlus", honours=CHURN),
    SchedulerSpec("DPM2", "KDPM2DiscreteScheduler", "Dpm2", automatic="karras", honours=CHURN),
    SchedulerSpec(
        "DPM2 a",
        "KDPM2AncestralDiscreteScheduler",
        "Dpm2Ancestral",
        automatic="karras",
        honours=ANCESTRAL,
    ),
    SchedulerSpec(
        "DPM fast",
        sampler="DpmFast",
        automatic="exponential",
        noise_schedules=("exponential",),
        honours=ANCESTRAL,
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
        honours=frozenset({"s_noise"}),
    ),
    SchedulerSpec("UniPC", "UniPCMultistepScheduler", aliases=("uni_pc_bh2",)),
    SchedulerSpec("DEIS", "DEISMultistepScheduler"),
    SchedulerSpec("IPNDM", sampler="Ipndm", automatic="karras"),
    SchedulerSpec("IPNDM_V", sampler="IpndmVariable", automatic="karras"),
    SchedulerSpec(
        "DDIM",
        "DDIMScheduler",
        noise_schedules=_TIMESTEPS,
        honours=frozenset({"eta"}),
    ),
    SchedulerSpec("DDIM CFG++", sampler="EulerCfgPlusPlus", automatic="ddim"),
    SchedulerSpec(
        "PLMS",
        "PNDMScheduler",
        noise_schedules=("normal",),
        options={"skip_prk_steps": True},
    ),
    SchedulerSpec("DDPM", "DDPMScheduler", noise_schedules=_TIMESTEPS),
    SchedulerSpec("LCM", "LCMScheduler", noise_schedules=("normal",)),
    SchedulerSpec("TCD", "TCDScheduler", noise_schedules=("normal",), honours=frozenset({"eta"})),
    SchedulerSpec("SA-Solver", "SASolverScheduler"),
)

SCHEDULERS: Mapping[str, SchedulerSpec] = MappingProxyType({spec.name: spec for spec in _SPECS})
"""Name -> spec, in menu order."""


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

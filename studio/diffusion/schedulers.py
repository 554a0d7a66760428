"""A fresh scheduler for each request, from its name: diffusers' class or a sampler of our own.

Schedulers keep state, so none is ever shared or reconfigured: options of one sampler would leak
into the next. All are built from one canonical configuration, that of Stable Diffusion 1.x.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from functools import cache
from typing import Any

import diffusers
from diffusers import SchedulerMixin

from studio.diffusion.diffusers_scheduler import DiffusersScheduler
from studio.diffusion.noise_schedules import BETA_END, BETA_START, TRAIN_TIMESTEPS, NoiseSchedule
from studio.diffusion.samplers import DERIVED, SAMPLERS
from studio.diffusion.samplers.sde_multistep import SdeMultistep
from studio.diffusion.scheduler import Scheduler
from studio.domain.errors import InvalidRequest
from studio.domain.noise_schedules import NOISE_SCHEDULES
from studio.domain.schedulers import SCHEDULERS, SamplerOptions, SchedulerSpec

_BASE = {
    "beta_start": BETA_START,
    "beta_end": BETA_END,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": TRAIN_TIMESTEPS,
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
"""Those that diffusers knows. The others are ours, see `_follow`."""

_PLAIN = SamplerOptions()


def build(
    name: str,
    noise_schedule: str,
    prediction_type: str,
    seeds: Sequence[int],
    options: SamplerOptions = _PLAIN,
) -> Scheduler:
    """A scheduler named as in `domain.schedulers`, not yet told its steps.

    `noise_schedule` may be "automatic". `seeds`, one a picture, feed the one sampler that draws
    its noise from a Brownian tree of its own instead of from the generators. Raises InvalidRequest
    where the sampler or the noise schedule cannot serve a zero-SNR model.
    """
    spec = SCHEDULERS[name]
    resolved = spec.noise_schedule(noise_schedule)
    if options.zero_snr and resolved not in spec.zero_snr:
        raise InvalidRequest(_zero_snr_objection(spec, resolved))
    schedule = NoiseSchedule(resolved, options.optimal_sigmas, options.zero_snr)
    if spec.sampler in SAMPLERS:
        return SAMPLERS[spec.sampler](schedule, prediction_type, seeds, options)
    cls = DERIVED.get(spec.sampler) or getattr(diffusers, spec.diffusers_class)
    wanted = {
        **_BASE,
        **spec.options,
        **_NOISE_SCHEDULE_OPTIONS.get(resolved, {"use_karras_sigmas": True}),
        "prediction_type": prediction_type,
        "rescale_betas_zero_snr": options.zero_snr,
    }
    if options.zero_snr and resolved == "normal":
        wanted["timestep_spacing"] = "trailing"
    accepted = _parameters(cls)
    wanted = {key: value for key, value in wanted.items() if key in accepted}
    # Told afterwards: LMS makes all thousand σ when it is made, with Karras' in 40 ms.
    later = {key: wanted.pop(key) for key in tuple(wanted) if key.endswith("_sigmas")}
    inner = cls(**wanted)
    inner.register_to_config(**later)
    if resolved not in _NOISE_SCHEDULE_OPTIONS:
        _follow(inner, schedule)
    return _adapted(inner, spec, options)


@cache
def _parameters(cls: type) -> frozenset[str]:
    return frozenset(inspect.signature(cls.__init__).parameters)


def _follow(inner: SchedulerMixin, schedule: NoiseSchedule) -> None:
    """Let a diffusers scheduler take its σ from `schedule`.

    All of diffusers' classes that can follow Karras' schedule make it in a method of this name and
    find the timesteps afterwards; no other way to give them σ is common to them.
    """

    def points(in_sigmas: Any, num_inference_steps: int | None = None) -> Any:
        return schedule.points(num_inference_steps or inner.num_inference_steps)[0]

    inner._convert_to_karras = points


def _adapted(
    inner: SchedulerMixin, spec: SchedulerSpec, options: SamplerOptions
) -> DiffusersScheduler:
    """With eta and s_noise for the classes that have them, in whichever way they do."""
    wanted = {"eta": options.eta, "s_noise": options.s_noise}
    wanted = {k: v for k, v in wanted.items() if k in spec.honours and v is not None}
    if isinstance(inner, SdeMultistep):
        vars(inner).update(wanted)
        wanted = {}
    return DiffusersScheduler(inner, wanted)


def _zero_snr_objection(spec: SchedulerSpec, noise_schedule: str) -> str:
    able = [other.name for other in SCHEDULERS.values() if other.zero_snr]
    if not spec.zero_snr:
        return (
            "This checkpoint was trained down to pure noise (zero terminal SNR), where "
            f"{spec.name} does not sample rightly. Choose one of: {', '.join(able)}."
        )
    labels = ", ".join(NOISE_SCHEDULES[name] for name in spec.zero_snr)
    return (
        "This checkpoint was trained down to pure noise (zero terminal SNR), where "
        f"{spec.name} does not sample rightly with the {NOISE_SCHEDULES[noise_schedule]} noise "
        f"schedule. Choose one of: {labels}."
    )

"""A fresh scheduler for each request, from its name: diffusers' class or a sampler of our own.

Schedulers keep state, so none is ever shared or reconfigured: options of one sampler would leak
into the next. All are built from one canonical configuration, that of Stable Diffusion 1.x.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import diffusers
import torch

from studio.diffusion.noise_schedules import BETA_END, BETA_START, TRAIN_TIMESTEPS, NoiseSchedule
from studio.diffusion.samplers import DERIVED, SAMPLERS
from studio.diffusion.samplers.base import Sampler
from studio.diffusion.samplers.sde_multistep import SdeMultistep
from studio.domain.errors import InvalidRequest
from studio.domain.schedulers import NOISE_SCHEDULES, SCHEDULERS, SamplerOptions, SchedulerSpec

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
) -> Any:
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
    known = _parameters(cls)
    wanted = {key: value for key, value in wanted.items() if key in known}
    # Told afterwards: LMS makes all thousand σ when it is made, with Karras' in 40 ms.
    later = {key: wanted.pop(key) for key in tuple(wanted) if key.endswith("_sigmas")}
    scheduler = cls(**wanted)
    scheduler.register_to_config(**later)
    if resolved not in _NOISE_SCHEDULE_OPTIONS:
        _follow(scheduler, schedule)
    _set_options(scheduler, spec, options)
    return scheduler


def set_steps(scheduler: Any, steps: int, strength: float = 1.0) -> int:
    """Fix the run's `timesteps`, on the host: one entry a U-Net call. Returns the index of the
    first of them that is made.

    Of the `steps` the share `strength`, above 0 to 1, is gone through, rounded down as diffusers
    does, but always one. On the host nothing in `step` waits for the device: with timesteps on a
    GPU several schedulers read them back at every step. Telling the first index also keeps a
    schedule with two equal timesteps (beta, from 32 steps) from being misread.
    """
    more = {}
    distilled_in = getattr(scheduler.config, "original_inference_steps", steps)
    if steps > distilled_in:  # LCM and TCD choose among the timesteps they were distilled at
        more["original_inference_steps"] = steps
    scheduler.set_timesteps(steps, device="cpu", **more)
    left_out = steps - max(1, int(steps * strength))
    if hasattr(scheduler, "begin_after"):
        return scheduler.begin_after(left_out)
    begin_index = left_out * scheduler.order
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(begin_index)
    return begin_index


Level = tuple[float, float | torch.Tensor]
"""Weights of the clean latents and of the noise in a sample. The latter may be (B, 1, 1, 1)."""

CLEAN: Level = (1.0, 0.0)


def level(scheduler: Any, index: int) -> Level:
    """That of the sample of the next U-Net call, whose index is `index`; `CLEAN` after the last.

    What diffusers' `add_noise` would do is found with two numbers on the host. It is never given
    tensors of the device: it would upload its tables each time and leave some of them there, and
    from then on every step would wait for the device.
    """
    if index >= len(scheduler.timesteps):
        return CLEAN
    if isinstance(scheduler, Sampler):
        return 1.0, scheduler.noise_level
    timestep = scheduler.timesteps[index : index + 1]
    clean, noise = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    signal, sigma = scheduler.add_noise(clean, noise, timestep).tolist()
    return signal, sigma


def progress(scheduler: Any, done: int, total: int) -> float | torch.Tensor:
    """The share of the way behind after `done` of `total` U-Net calls, 0 to 1; (B, 1, 1, 1) where
    each picture has its own pace."""
    own = getattr(scheduler, "progress", None)
    return done / total if own is None or done == total else own


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


@cache
def _parameters(cls: type) -> frozenset[str]:
    return frozenset(inspect.signature(cls.__init__).parameters)


def _follow(scheduler: Any, schedule: NoiseSchedule) -> None:
    """Let a diffusers scheduler take its σ from `schedule`.

    All of diffusers' classes that can follow Karras' schedule make it in a method of this name and
    find the timesteps afterwards; no other way to give them σ is common to them.
    """

    def points(in_sigmas: Any, num_inference_steps: int | None = None) -> Any:
        return schedule.points(num_inference_steps or scheduler.num_inference_steps)[0]

    scheduler._convert_to_karras = points


def _set_options(scheduler: Any, spec: SchedulerSpec, options: SamplerOptions) -> None:
    """Give eta and s_noise to the classes that have them, in whichever way they do."""
    wanted = {"eta": options.eta, "s_noise": options.s_noise}
    wanted = {k: v for k, v in wanted.items() if k in spec.honours and v is not None}
    if isinstance(scheduler, SdeMultistep):
        vars(scheduler).update(wanted)
    elif wanted:
        scheduler.step = partial(scheduler.step, **wanted)


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

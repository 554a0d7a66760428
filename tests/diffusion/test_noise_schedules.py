"""Noise schedules: diffusers' own numbers where it has them, the published ones where not."""

import diffusers
import numpy as np
import pytest
import torch

from studio.diffusion import schedulers
from studio.diffusion.noise_schedules import NoiseSchedule
from studio.domain.noise_schedules import ALIGN_YOUR_STEPS, NOISE_SCHEDULES
from studio.families.stable_diffusion.family import SD1, SDXL, SDXL_REFINER

NAMES = [name for name in NOISE_SCHEDULES if name != "automatic"]


def points(name, steps, optimal=ALIGN_YOUR_STEPS, zero_snr=False):
    return NoiseSchedule(name, optimal, zero_snr).points(steps)


@pytest.mark.parametrize("zero_snr", [False, True])
@pytest.mark.parametrize("steps", [2, 7, 20, 31, 150])
@pytest.mark.parametrize("name", ["normal", "karras", "exponential", "beta", "sgm_uniform"])
def test_the_same_numbers_as_diffusers(name, steps, zero_snr):
    options = {**schedulers._BASE, **schedulers._NOISE_SCHEDULE_OPTIONS[name]}
    for mine in ("clip_sample", "set_alpha_to_one"):
        options.pop(mine)
    theirs = diffusers.EulerDiscreteScheduler(**options, rescale_betas_zero_snr=zero_snr)
    theirs.set_timesteps(steps)
    sigmas, timesteps = points(name, steps, zero_snr=zero_snr)
    assert np.array_equal(sigmas.astype(np.float32), theirs.sigmas[:-1].numpy())
    assert np.array_equal(timesteps.astype(np.float32), theirs.timesteps.numpy())
    table = NoiseSchedule(name, ALIGN_YOUR_STEPS, zero_snr).alphas_cumprod
    assert torch.equal(table, theirs.alphas_cumprod)


@pytest.mark.parametrize("steps", [1, 2, 3, 10, 33, 150])
@pytest.mark.parametrize("name", NAMES)
def test_every_schedule_falls_from_noise_to_nearly_none(name, steps):
    sigmas, timesteps = points(name, steps)
    assert len(sigmas) == len(timesteps) == steps
    # Beta's first two, from 32 steps on, are the same within float32.
    assert (np.diff(sigmas) < 0).all()
    assert (np.diff(timesteps) <= 0).all()
    assert 0 <= timesteps[-1] <= timesteps[0] <= 999
    if name != "ddim":
        assert sigmas[0] == pytest.approx(14.6146, abs=1e-3)


@pytest.mark.parametrize("family", [SD1, SDXL, SDXL_REFINER], ids=lambda family: family.name)
def test_align_your_steps_in_ten_steps_is_the_published_table(family):
    sigmas, _ = points("align_your_steps", 10, family.optimal_sigmas)
    assert sigmas == pytest.approx(family.optimal_sigmas[:10])
    rounded = diffusers.schedulers.AysSchedules[
        "StableDiffusionXLSigmas" if family.size_conditioning else "StableDiffusionSigmas"
    ]
    assert sigmas == pytest.approx(rounded[:10], rel=0.02)


def test_align_your_steps_between_the_table_is_linear_in_the_logarithm():
    sigmas, _ = points("align_your_steps", 20)
    assert sigmas[::2] == pytest.approx(ALIGN_YOUR_STEPS[:10])
    assert sigmas[1] == pytest.approx((ALIGN_YOUR_STEPS[0] * ALIGN_YOUR_STEPS[1]) ** 0.5)


def test_timesteps_that_other_studios_use():
    assert points("simple", 4)[1].tolist() == [999, 749, 499, 249]
    assert points("turbo", 4)[1].tolist() == [999, 749, 499, 249]
    assert points("ddim", 4)[1].tolist() == [751, 501, 251, 1]
    assert points("ddim", 20)[1].tolist() == list(range(951, 0, -50))
    assert points("uniform", 4)[1].tolist() == [999, 666, 333, 0]


def test_kl_optimal_is_even_in_the_arctangent():
    sigmas, _ = points("kl_optimal", 9)
    assert np.diff(np.arctan(sigmas)) == pytest.approx(np.diff(np.arctan(sigmas))[0])
    assert sigmas[-1] == pytest.approx(0.0292, abs=1e-4)

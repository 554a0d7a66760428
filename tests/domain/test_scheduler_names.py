"""Samplers and noise schedules under the names that other programs give them."""

import pytest

from studio.domain.noise_schedules import NOISE_SCHEDULES
from studio.domain.request import GenerationRequest
from studio.domain.scheduler_names import resolve
from studio.domain.schedulers import SCHEDULERS


@pytest.mark.parametrize(
    ("name", "sampler", "schedule"),
    [
        ("k_euler_a", "Euler a", "automatic"),
        ("euler_ancestral", "Euler a", "automatic"),
        ("EULER A", "Euler a", "automatic"),
        ("EulerAncestralDiscreteScheduler", "Euler a", "automatic"),
        ("euler_cfg_pp", "Euler CFG++", "automatic"),
        ("euler_ancestral_cfg_pp", "Euler a CFG++", "automatic"),
        ("ddim_cfgpp", "DDIM CFG++", "automatic"),
        ("k_dpm_2_a", "DPM2 a", "automatic"),
        ("dpm_2_ancestral", "DPM2 a", "automatic"),
        ("dpm_2", "DPM2", "automatic"),
        ("k_dpm_ad", "DPM adaptive", "automatic"),
        ("dpm_fast", "DPM fast", "automatic"),
        ("heunpp2", "HeunPP2", "automatic"),
        ("dpmpp_2m", "DPM++ 2M", "automatic"),
        ("DPMSolverMultistepScheduler", "DPM++ 2M", "automatic"),
        ("k_dpmpp_2s_a", "DPM++ 2S a", "automatic"),
        ("dpmpp_2s_ancestral", "DPM++ 2S a", "automatic"),
        ("dpmpp_2m_sde_heun", "DPM++ 2M SDE Heun", "automatic"),
        ("dpmpp_2m_sde_gpu", "DPM++ 2M SDE", "automatic"),
        ("dpmpp_3m_sde", "DPM++ 3M SDE", "automatic"),
        ("uni_pc_bh2", "UniPC", "automatic"),
        ("pndm", "PLMS", "automatic"),
        ("ipndm_v", "IPNDM_V", "automatic"),
        ("sa_solver", "SA-Solver", "automatic"),
        ("DPM++ 2M Karras", "DPM++ 2M", "karras"),
        ("dpm++ 2m sde exponential", "DPM++ 2M SDE", "exponential"),
        ("DPM2 a Karras", "DPM2 a", "karras"),
        ("dpmpp_2m_k", "DPM++ 2M", "karras"),
        ("Euler SGM Uniform", "Euler", "sgm_uniform"),
        ("DPM++ 2M Align Your Steps", "DPM++ 2M", "align_your_steps"),
    ],
)
def test_other_names_of_samplers(name, sampler, schedule):
    assert resolve(name) == (sampler, schedule)
    assert resolve(name.upper()) == (sampler, schedule)


@pytest.mark.parametrize(
    ("name", "schedule"),
    [
        ("Karras", "karras"),
        ("SGMUniform", "sgm_uniform"),
        ("KL Optimal", "kl_optimal"),
        ("ays", "align_your_steps"),
        ("ddim_uniform", "ddim"),
        ("Automatic", "automatic"),
        ("", "automatic"),
    ],
)
def test_other_names_of_noise_schedules(name, schedule):
    assert resolve("Euler", name) == ("Euler", schedule)


def test_every_name_is_its_own():
    for name in SCHEDULERS:
        for schedule, label in NOISE_SCHEDULES.items():
            assert resolve(name, schedule) == resolve(name, label) == (name, schedule)


def test_a_schedule_in_the_name_counts_more():
    assert resolve("DPM++ 2M Karras", "exponential") == ("DPM++ 2M", "karras")


@pytest.mark.parametrize("name", ["", "nonsense", "karras", "Euler nonsense", "k_", "++", "🖌"])
def test_unknown_names_come_back_as_they_are(name):
    assert resolve(name, "no schedule") == (name, "no schedule")


def test_a_request_holds_the_names_of_the_tables():
    request = GenerationRequest(scheduler="k_dpmpp_2m_sde_karras")
    assert (request.scheduler, request.noise_schedule) == ("DPM++ 2M SDE", "karras")
    request = GenerationRequest.parse(b'{"noise_schedule": "Align Your Steps", "steps": 10}')
    assert (request.scheduler, request.noise_schedule) == ("DPM++ 2M", "align_your_steps")

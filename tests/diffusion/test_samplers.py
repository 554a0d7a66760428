"""Our own samplers: the same as diffusers' where it has them, and what they can beyond."""

import pytest
import torch

from studio.diffusion import schedulers
from studio.diffusion.denoise import Ask, Guided, Step, denoise, noised
from studio.diffusion.diffusers_scheduler import DiffusersScheduler
from studio.diffusion.samplers import SAMPLERS
from studio.domain.schedulers import SCHEDULERS, SamplerOptions
from tests.diffusion.analytic import SPREAD, no_words, predict, run, sample
from tests.diffusion.reference import diffusers_own

pytestmark = pytest.mark.filterwarnings("ignore")

REPLACED = [name for name, spec in SCHEDULERS.items() if spec.sampler and spec.diffusers_class]
SAME_SCHEDULES = ("normal", "karras", "exponential", "beta", "sgm_uniform")
OWN = [name for name, spec in SCHEDULERS.items() if spec.sampler in SAMPLERS]
WITH_ETA = [name for name, spec in SCHEDULERS.items() if "eta" in spec.honours]
WITH_CHURN = [name for name, spec in SCHEDULERS.items() if "s_churn" in spec.honours]
WITH_NOISE = [name for name in WITH_ETA if "s_noise" in SCHEDULERS[name].honours] + ["Restart"]
LONG_TO_MAKE, TWO = {"DPM2", "DPM2 a"}, ("karras", "beta")
"""In diffusers; so only with two schedules in every run."""
QUIET = {"DDIM", "DPM fast", "DPM adaptive"}
"""They add no noise unless they are told to."""


@pytest.mark.parametrize(
    "prediction_type", ["epsilon", pytest.param("v_prediction", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("name", [n for n in REPLACED if n != "DPM++ 3M SDE"])
def test_the_same_bytes_as_diffusers(name, prediction_type):
    compared = 0
    for schedule in SAME_SCHEDULES:
        if name in LONG_TO_MAKE and prediction_type == "epsilon" and schedule not in TWO:
            continue
        theirs = diffusers_own(name, schedule, prediction_type)
        if theirs is None or schedule not in SCHEDULERS[name].noise_schedules:
            continue
        if (name, schedule) == ("DPM++ SDE", "normal"):
            continue  # there timesteps are in double precision, which shows in the fifth digit
        ours = schedulers.build(name, schedule, prediction_type, [1])
        assert torch.equal(run(ours, 8), run(DiffusersScheduler(theirs), 8)), schedule
        compared += 1
    assert compared >= (1 if name == "PLMS" else 2)


def test_third_order_with_noise_comes_nearer_to_the_data_than_diffusers():
    for schedule in ("normal", "karras", "exponential"):
        ours = float(sample("DPM++ 3M SDE", schedule, 50).std())
        theirs = DiffusersScheduler(diffusers_own("DPM++ 3M SDE", schedule))
        theirs = float(run(theirs, 50).std())
        assert abs(ours - SPREAD) < 0.02 < abs(theirs - SPREAD) + 0.004


@pytest.mark.parametrize("name", WITH_ETA)
def test_eta_says_how_much_of_the_noise_is_fresh(name):
    still, again = (sample(name, "automatic", 20, seeds=(1,), eta=0.0) for _ in range(2))
    assert torch.equal(still, again)
    lively = sample(name, "automatic", 20, eta=1.0)
    some = sample(name, "automatic", 20, eta=0.4)
    assert min(float((still - other).abs().mean()) for other in (some, lively)) > 0.01
    for result in (some, lively):
        assert 0.65 * SPREAD < float(result.std()) < 1.3 * SPREAD
    if name != "TCD":  # its own is 0.3, and its noise changes where it goes as well
        assert float((still - lively).abs().mean()) > float((still - some).abs().mean())
        default = sample(name, "automatic", 20)
        assert torch.equal(default, still if name in QUIET else lively)


@pytest.mark.parametrize(
    ("noisy", "plain"), [("Euler a", "Euler"), ("DPM2 a", "DPM2"), ("Euler a CFG++", "Euler CFG++")]
)
def test_without_eta_an_ancestral_sampler_is_the_plain_one(noisy, plain):
    quiet = sample(noisy, "exponential", 15, eta=0.0)
    assert float((quiet - sample(plain, "exponential", 15)).abs().max()) < 1e-5


def test_without_eta_the_sde_is_the_deterministic_solver():
    quiet = sample("DPM++ 2M SDE", "karras", 15, eta=0.0)
    assert float((quiet - sample("DPM++ 2M", "karras", 15)).abs().max()) < 1e-5
    single = sample("DPM++ 2S a", "karras", 16, eta=0.0)
    assert float((single - sample("DPM++ 2M", "karras", 32)).abs().max()) < 0.1


@pytest.mark.parametrize("name", WITH_CHURN)
def test_churn_stirs_noise_in_and_the_picture_stays_right(name):
    plain = sample(name, "karras", 30)
    churned = sample(name, "karras", 30, s_churn=20.0)
    assert float((plain - churned).std()) > 0.1
    assert 0.8 * SPREAD < float(churned.std()) < 1.25 * SPREAD


@pytest.mark.parametrize("name", WITH_CHURN)
def test_churn_stays_between_its_bounds(name):
    plain = sample(name, "karras", 20)
    assert torch.equal(plain, sample(name, "karras", 20, s_churn=20.0, s_tmin=15.0))
    assert torch.equal(plain, sample(name, "karras", 20, s_churn=20.0, s_tmax=0.01))
    late = sample(name, "karras", 20, s_churn=20.0, s_tmax=1.0)
    assert not torch.equal(plain, late)
    assert not torch.equal(late, sample(name, "karras", 20, s_churn=20.0))


@pytest.mark.parametrize("name", WITH_NOISE)
def test_s_noise_scales_what_is_added(name):
    """Twice the noise cannot be asked for, none can: then the result has less of a spread."""
    full = sample(name, "automatic", 20, eta=1.0)
    assert float(sample(name, "automatic", 20, eta=1.0, s_noise=0.0).std()) < float(full.std())
    assert torch.equal(full, sample(name, "automatic", 20, eta=1.0, s_noise=1.0))


@pytest.mark.parametrize("name", SCHEDULERS)
def test_what_a_sampler_does_not_honour_changes_nothing(name):
    values = {"eta": 0.5, "s_churn": 20.0, "s_tmin": 0.1, "s_tmax": 5.0, "s_noise": 0.9}
    ignored = {k: v for k, v in values.items() if k not in SCHEDULERS[name].honours}
    plain = sample(name, "automatic", 12)
    assert torch.equal(plain, sample(name, "automatic", 12, **ignored))


@pytest.mark.parametrize("name", [name for name in OWN if name != "DPM adaptive"])
def test_begun_halfway_from_noised_data_it_comes_back_to_the_data(name):
    scheduler = schedulers.build(name, "automatic", "epsilon", [1])
    first, _ = scheduler.begin(18, strength=0.5)
    source = torch.Generator().manual_seed(3)
    clean, noise = (torch.randn(1, 4, 64, 64, generator=source) for _ in range(2))
    x = noised(clean * SPREAD, noise, scheduler.level(first))
    for index in range(first, len(scheduler.timesteps)):
        sample = scheduler.scaled(x, index)
        noise_pred = predict(scheduler, _ask(sample, scheduler.timesteps[index]))
        x = scheduler.step(noise_pred, index, x, [source], noise_pred)
    assert 0.75 * SPREAD < float(x.std()) < 1.25 * SPREAD
    # Half of the noise was never gone through: what was there shines through.
    assert float((x * clean).mean()) > 0.04


def test_steps_come_to_as_many_calls_as_they_say():
    def calls(name, steps):
        seen = []
        sample(name, "automatic", steps, on_step=seen.append)
        return len(seen)

    assert calls("Euler", 20) == 20
    assert calls("Heun", 20) == 39
    assert calls("HeunPP2", 20) == 3 * 18 + 2 + 1
    assert calls("DPM fast", 20) == 20
    assert calls("DPM fast", 21) == 21
    # Nine of the steps are the way gone through again, and the jump up is no step.
    assert calls("Restart", 20) == 39
    assert calls("Restart", 40) == 79


def test_dpm_adaptive_chooses_its_steps_itself():
    totals = []
    few = sample("DPM adaptive", "automatic", 5, on_step=lambda step: totals.append(step.total))
    assert torch.equal(few, sample("DPM adaptive", "automatic", 50))
    assert 20 < len(totals) < 100
    assert totals[-1] == len(totals)
    # The first guess is what was asked for; from half of the calls on it is near the truth.
    assert totals[0] == 5
    late = totals[len(totals) // 2 :]
    assert all(0.7 * len(totals) < total < 1.7 * len(totals) for total in late)


def test_dpm_adaptive_ends_even_if_the_model_is_broken():
    scheduler = schedulers.build("DPM adaptive", "automatic", "epsilon", [1])
    source = torch.Generator().manual_seed(0)
    loop = denoise(torch.randn(1, 4, 8, 8), scheduler, 10, no_words(1), [source])
    answer, steps = None, 0
    with pytest.raises(StopIteration):
        while True:
            item = loop.send(answer)
            answer = None
            if isinstance(item, Step):
                steps += 1
            else:
                answer = torch.full_like(item.sample, float("nan"))
    assert steps < 1000


@pytest.mark.parametrize("name", ["Euler CFG++", "Euler a CFG++", "DDIM CFG++"])
def test_cfg_plus_plus_puts_back_the_noise_of_the_negative_prompt(name):
    """One step by hand: the clean picture of the guided prediction, plus the next σ times the
    noise of the negative one."""
    scheduler = schedulers.build(name, "karras", "epsilon", [1], SamplerOptions(eta=0.0))
    source = torch.Generator().manual_seed(0)
    noise = torch.randn(1, 4, 8, 8, generator=source)
    loop = denoise(noise, scheduler, 10, no_words(1), [source])
    ask = next(loop)
    assert ask.wants_negative
    assert float(ask.conditioning.guidance_scale) == pytest.approx(1 / 12.5)
    guided, negative = torch.full_like(noise, 0.4), torch.full_like(noise, 0.1)
    step = loop.send(Guided(guided, negative))
    first, second = scheduler.sigmas[0], scheduler.sigmas[1]
    expected = noise * first - first * guided + second * negative
    assert torch.allclose(step.latents, expected, atol=1e-5)


def _ask(sample, timestep):
    return Ask(sample, timestep.reshape(1), no_words(1))

"""Every sampler of the menu samples rightly, and what the menu refuses would not."""

import pytest
import torch

from studio.diffusion import schedulers
from studio.diffusion.denoise import Guided, Step, denoise
from studio.domain.errors import InvalidRequest
from studio.domain.noise_schedules import NOISE_SCHEDULES
from studio.domain.schedulers import SCHEDULERS, SamplerOptions
from tests.diffusion import pairs
from tests.diffusion.analytic import SPREAD, no_words, sample

pytestmark = pytest.mark.filterwarnings("ignore")

FEWEST = [
    (name, schedule, least)
    for name, spec in SCHEDULERS.items()
    for schedule, least in spec.min_steps.items()
]
ZERO_SNR = [(name, schedule) for name, spec in SCHEDULERS.items() for schedule in spec.zero_snr]
DISTILLED = {"LCM", "TCD"}
"""They take far too large steps for an ordinary model, by design: what they draw is too smooth."""
SLOW = {("Euler a", "beta"), ("Euler a CFG++", "beta")}
"""They come near with more steps: half of them go by where there is only noise to see."""


def lowest(name, schedule):
    """The least spread that is right after thirty steps."""
    if name in DISTILLED:
        return 0.6 * SPREAD
    return (0.7 if (name, schedule) in SLOW else 0.8) * SPREAD


@pytest.mark.parametrize(("name", "schedule"), pairs.params())
def test_thirty_steps_reach_the_spread_of_the_data(name, schedule):
    assert lowest(name, schedule) < float(sample(name, schedule, 30).std()) < 1.25 * SPREAD


@pytest.mark.parametrize(("name", "schedule"), pairs.params())
def test_no_noise_is_left_from_the_least_steps_on(name, schedule):
    least = SCHEDULERS[name].min_steps.get(schedule, 1)
    for steps in (least, least + 1, least + 3):
        assert float(sample(name, schedule, steps).std()) <= 1.5 * SPREAD


@pytest.mark.parametrize(("name", "schedule", "least"), FEWEST)
def test_the_refused_step_counts_would_leave_noise(name, schedule, least):
    assert SCHEDULERS[name].objection(schedule, least) is None
    assert SCHEDULERS[name].objection(schedule, least - 1)
    assert float(sample(name, schedule, least - 1).std()) > 1.5 * SPREAD


@pytest.mark.parametrize(
    "name",
    [
        *("Euler", "Heun", "DPM++ 2M", "UniPC", "LCM"),
        pytest.param("DPM++ SDE", marks=pytest.mark.slow),
    ],
)
def test_the_most_steps_are_possible(name):
    assert lowest(name, "") < float(sample(name, "automatic", 150).std()) < 1.25 * SPREAD


@pytest.mark.parametrize("name", [n for n in SCHEDULERS if n != "PLMS"])
def test_velocity_prediction_gives_the_same_picture_as_noise_prediction(name):
    epsilon = sample(name, "automatic", 12)
    velocity = sample(name, "automatic", 12, "v_prediction")
    assert float((epsilon - velocity).abs().max()) < 0.02


@pytest.mark.parametrize(("name", "schedule"), pairs.params(ZERO_SNR))
def test_models_trained_down_to_pure_noise_are_sampled_from_there(name, schedule):
    result = sample(name, schedule, 30, "v_prediction", zero_snr=True)
    assert lowest(name, schedule) < float(result.std()) < 1.3 * SPREAD
    scheduler = schedulers.build(name, schedule, "v_prediction", [1], SamplerOptions(zero_snr=True))
    scheduler.begin(30)
    assert float(scheduler.timesteps[0]) >= 979
    last = scheduler.traits.law.level(torch.tensor([999.0]))
    assert float(last) < 1e-6


@pytest.mark.parametrize("name", [n for n, s in SCHEDULERS.items() if not s.zero_snr])
def test_what_cannot_sample_from_pure_noise_says_what_can(name):
    with pytest.raises(InvalidRequest, match="zero terminal SNR.*Choose one of: DPM\\+\\+ 2M, "):
        schedulers.build(name, "automatic", "v_prediction", [1], SamplerOptions(zero_snr=True))


def test_a_schedule_that_does_not_begin_at_pure_noise_is_refused_for_such_a_model():
    with pytest.raises(InvalidRequest, match="DDIM noise schedule. Choose one of: Normal, "):
        schedulers.build("Euler", "ddim", "v_prediction", [1], SamplerOptions(zero_snr=True))


@pytest.mark.parametrize("steps", [32, 60])
@pytest.mark.parametrize("name", ["DPM++ 2M", "UniPC", "DEIS", "Euler", "Heun"])
def test_the_beta_schedule_survives_equal_first_timesteps(name, steps):
    assert 0.8 * SPREAD < float(sample(name, "beta", steps).std()) < 1.3 * SPREAD


@pytest.mark.parametrize("name", SCHEDULERS)
def test_the_estimate_is_what_the_data_would_be(name):
    """At each step the estimate of the analytic model is the shrunk sample: spread ≤ 0.5, and at
    the last step all but the result."""
    seen = []
    result = sample(name, SCHEDULERS[name].noise_schedules[0], 20, on_step=seen.append)
    # LCM and TCD finish on the estimate; the others end at, or a step of sigma_min above, it.
    assert float((seen[-1].denoised - result).std()) < 0.08
    assert all(float(step.denoised.std()) < 1.2 * SPREAD for step in seen)
    assert [step.index for step in seen] == list(range(1, seen[-1].total + 1))
    assert all(step.index <= step.total for step in seen)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_each_picture_of_a_batch_comes_out_as_it_would_alone(name):
    both = sample(name, "automatic", 12, seeds=(5, 6))
    assert torch.equal(both[1:], sample(name, "automatic", 12, seeds=(6,)))
    assert torch.equal(both, sample(name, "automatic", 12, seeds=(5, 6)))
    assert float((both[0] - both[1]).abs().max()) > 0.1


def test_automatic_is_one_of_the_schedules_each_can_follow():
    for spec in SCHEDULERS.values():
        assert spec.automatic in spec.noise_schedules
        assert set(spec.noise_schedules) <= set(NOISE_SCHEDULES)
        assert set(spec.zero_snr) <= set(spec.noise_schedules)


def test_a_request_never_inherits_options_of_another():
    karras = schedulers.build("DPM++ 2M", "karras", "epsilon", [0])
    normal = schedulers.build("DPM++ 2M", "normal", "epsilon", [0])
    assert karras.inner.config.use_karras_sigmas
    assert not normal.inner.config.use_karras_sigmas


def test_alphas_between_two_timesteps_lie_between():
    law = schedulers.build("Euler", "normal", "epsilon", [0]).traits.law
    low, between, high = law.level(torch.tensor([10.0, 10.5, 11.0]))
    assert high < between < low


@pytest.mark.parametrize("name", [n for n in SCHEDULERS if n not in ("DPM++ SDE", "DPM adaptive")])
def test_no_step_waits_for_the_device(name):
    """On the meta device tensors have no values: whoever asks for one, as a synchronising
    `.item()` or comparison does, raises. DPM++ SDE keeps its Brownian tree on the host, and
    DPM adaptive decides by what it sees."""
    scheduler = schedulers.build(name, "automatic", "epsilon", seeds=[1])
    noise = torch.zeros(1, 4, 16, 16, device="meta")
    loop = denoise(noise, scheduler, 10, no_words(1), [torch.Generator()])
    answer = None
    with pytest.raises(StopIteration) as end:
        while True:
            item = loop.send(answer)
            answer = None if isinstance(item, Step) else torch.empty_like(item.sample)
            if answer is not None and item.wants_negative:
                answer = Guided(answer, answer)
    assert end.value.value.shape == (1, 4, 16, 16)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_step_takes_so_many_calls_as_are_foretold(name):
    made = schedulers.build(name, "automatic", "epsilon", [0])
    made.begin(20)
    assert len(made.timesteps) == pytest.approx(20 * SCHEDULERS[name].calls, abs=3)

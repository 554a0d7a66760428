"""Samplers of the flow law, on the analytic model whose exact velocity is a formula."""

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler

from studio.diffusion.denoise import Step, denoise
from studio.diffusion.samplers.flow import FLOW_SAMPLERS, FlowEuler, FlowSchedule
from tests.diffusion.analytic import SPREAD, no_words, predict, run

SHIFT = 3.0


def scheduler(name: str, shift: float = SHIFT):
    return FLOW_SAMPLERS[name](FlowSchedule(shift), [1])


@pytest.mark.parametrize("name", FLOW_SAMPLERS)
@pytest.mark.parametrize("shift", [1.0, SHIFT])
def test_noise_becomes_the_data(name, shift):
    """Ever better with more steps. A shift saves them for where there is much noise, and this data
    is half as wide as what models draw."""
    drawn = [run(scheduler(name, shift), n, side=64) for n in (4, 12, 60)]
    off = [abs(float(one.std()) - SPREAD) for one in drawn]
    assert 0.3 > off[0] > off[1] > off[2]
    assert off[2] < 0.03


def test_the_second_order_comes_nearer():
    def off(name: str) -> float:
        return abs(float(run(scheduler(name, 1.0), 8).std()) - SPREAD)

    assert max(off("Heun"), off("DPM++ 2M")) < off("Euler") / 4


def test_one_step_goes_to_what_the_model_expects():
    """From pure noise that is the mean of the data, 0."""
    assert max(float(run(scheduler(name), 1).abs().max()) for name in FLOW_SAMPLERS) < 1e-6


def test_euler_takes_the_steps_of_diffusers_to_the_bit():
    theirs = FlowMatchEulerDiscreteScheduler(shift=SHIFT)
    theirs.set_timesteps(sigmas=torch.linspace(1.0, 1 / 7, 7).tolist())
    ours = scheduler("Euler")
    noise = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(3))
    loop, answer, latents = denoise(noise, ours, 7, no_words(1), []), None, noise
    for timestep in theirs.timesteps:
        ask = loop.send(answer)
        assert torch.equal(ask.sample, latents)
        assert ask.timestep.tolist() == [float(timestep)]
        answer = predict(ours, ask)
        latents = theirs.step(answer, timestep, latents, return_dict=False)[0]
        step, answer = loop.send(answer), None
        assert isinstance(step, Step)
        assert torch.equal(step.latents, latents)


@pytest.mark.parametrize("name", FLOW_SAMPLERS)
def test_the_level_of_a_call_is_the_noise_in_it(name):
    ours = scheduler(name)
    first, noise_sigma = ours.begin(10, 0.5)
    level = ours.level(first)
    assert level.signal + level.sigma == pytest.approx(1)
    assert level.sigma == pytest.approx(float(noise_sigma))
    assert level.sigma == pytest.approx(SHIFT * 0.5 / (1 + (SHIFT - 1) * 0.5))
    assert level.progress == 0


@pytest.mark.parametrize("name", FLOW_SAMPLERS)
def test_no_step_waits_for_the_device(name):
    noise = torch.empty(1, 4, 8, 8, device="meta")
    loop, answer = denoise(noise, scheduler(name), 5, no_words(1), []), None
    with pytest.raises(StopIteration):
        while True:
            item = loop.send(answer)
            answer = None if isinstance(item, Step) else torch.empty_like(item.sample)


def test_a_larger_shift_lingers_where_there_is_noise():
    sigmas = [FlowEuler(FlowSchedule(shift), [1]) for shift in (1.0, 3.0, 6.0)]
    middle = [each.level(each.begin(8, 0.5).index).sigma for each in sigmas]
    assert middle == sorted(middle)
    assert middle[0] == pytest.approx(0.5)

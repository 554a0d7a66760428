"""Runs that begin with a picture: how far back they go, and what is kept of it."""

import pytest
import torch

from studio.diffusion import inpainting, schedulers
from studio.diffusion.denoise import Ask, Guided, Start, Step, denoise, noised
from studio.diffusion.diffusers_scheduler import DiffusersScheduler
from studio.diffusion.scheduler import CLEAN, Level
from studio.domain.schedulers import SCHEDULERS
from tests.diffusion import pairs
from tests.diffusion.analytic import SPREAD, no_words, predict
from tests.diffusion.reference import diffusers_own

pytestmark = pytest.mark.filterwarnings("ignore")

STEPS = 20
DISTILLED = {"LCM", "TCD"}


def begin(name, strength, schedule="automatic", size=64, steps=STEPS, blend=None, **more):
    """(clean latents, noise, scheduler, the loop's items as they come)."""
    scheduler = more.get("scheduler") or schedulers.build(name, schedule, "epsilon", [1])
    source = torch.Generator().manual_seed(3)
    clean, noise = (torch.randn(1, 4, size, size, generator=source) for _ in range(2))
    clean = clean * SPREAD
    start = Start(clean, strength, blend and blend(clean, noise), more.get("unseen", False))
    loop = denoise(noise, scheduler, steps, no_words(1), [source], start)
    return clean, noise, scheduler, drive(loop, scheduler)


def drive(loop, scheduler):
    """Yields the items of the loop, then the latents that it returns."""
    answer = None
    while True:
        try:
            item = loop.send(answer)
        except StopIteration as end:
            yield end.value
            return
        yield item
        answer = None
        if not isinstance(item, Step):
            answer = predict(scheduler, item)
            answer = Guided(answer, answer) if item.wants_negative else answer


def drawn(name, strength, **more):
    """(latents, clean latents, calls made)."""
    clean, _, _, items = begin(name, strength, **more)
    seen = list(items)
    return seen[-1], clean, sum(isinstance(item, Step) for item in seen)


def kept_share(latents, clean):
    """1 where the clean latents came back, 0 where nothing of them is left."""
    return float((latents * clean).mean()) / SPREAD**2


@pytest.mark.parametrize("name", SCHEDULERS)
def test_strength_says_how_much_is_kept(name):
    shares = []
    for strength in (0.1, 0.4, 0.7, 1.0):
        latents, clean, _ = drawn(name, strength)
        shares.append(kept_share(latents, clean))
        lowest = 0.55 if name in DISTILLED else 0.75
        assert lowest * SPREAD < float(latents.std()) < 1.25 * SPREAD, strength
    if name not in DISTILLED:
        assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.55
    assert shares[-1] < 0.1


@pytest.mark.parametrize(("name", "schedule"), pairs.params())
def test_every_noise_schedule_can_be_begun_part_way(name, schedule):
    latents, _, _ = drawn(name, 0.5, schedule=schedule, size=32)
    assert 0.55 * SPREAD < float(latents.std()) < 1.35 * SPREAD


@pytest.mark.parametrize("name", SCHEDULERS)
def test_one_step_is_always_made(name):
    latents, clean, calls = drawn(name, 0.001)
    assert 1 <= calls <= (12 if name == "DPM adaptive" else 2)
    assert kept_share(latents, clean) > 0.75


def test_steps_are_counted_as_diffusers_does():
    for strength, calls in ((0.05, 1), (0.29, 5), (0.3, 6), (0.75, 15), (0.99, 19), (1.0, 20)):
        assert drawn("DPM++ 2M", strength, size=8)[2] == calls
    assert drawn("Heun", 0.5, size=8)[2] == 19


@pytest.mark.parametrize("strength", [0.3, 0.5])
@pytest.mark.parametrize("name", ["LMS", "PLMS"])
def test_what_diffusers_begins_wrongly_is_begun_rightly(name, strength):
    """Its LMS takes itself to know slopes of steps before; its PLMS leaves a step of noise."""
    theirs = DiffusersScheduler(diffusers_own(name, "normal"))
    ours = schedulers.build(name, "normal", "epsilon", [1])
    off = [
        abs(float(drawn(name, strength, scheduler=scheduler, steps=8)[0].std()) - SPREAD)
        for scheduler in (ours, theirs)
    ]
    assert off[0] < 0.75 * off[1]


@pytest.mark.parametrize("strength", [0.1, 0.3, 0.4, 0.6, 0.9])
def test_restart_goes_back_only_within_what_may_change(strength):
    """Below the noise level it would go back to, it goes straight to the end."""
    _, _, scheduler, items = begin("Restart", strength, size=8)
    timesteps = torch.cat([item.timestep for item in items if isinstance(item, Ask)])
    levels = ((1 / scheduler.traits.law.level(timesteps) - 1) ** 0.5).tolist()
    goes_back = levels != sorted(levels, reverse=True)
    assert goes_back == (levels[0] >= 2.0)
    assert max(levels) == levels[0]


left_half = torch.zeros(1, 1, 64, 64)
left_half[..., :32] = 1


@pytest.mark.parametrize("name", SCHEDULERS)
def test_what_a_hard_mask_leaves_out_stays_the_picture_at_every_call(name):
    clean, noise, scheduler, items = begin(
        name, 0.8, blend=lambda clean, noise: inpainting.HardBlend(clean, noise, left_half)
    )
    calls = 0
    for item in items:
        if isinstance(item, Step):
            calls += 1
            continue
        if isinstance(item, torch.Tensor):
            assert torch.equal(item[..., 32:], clean[..., 32:])
            changed = item[..., :32]
            lowest = 0.5 if name in DISTILLED else 0.75
            assert lowest * SPREAD < float(changed.std()) < 1.25 * SPREAD
            continue
        alpha_cumprod = scheduler.traits.law.level(item.timestep)
        alpha_cumprod = alpha_cumprod.reshape(-1, 1, 1, 1)
        expected = noised(clean, noise, Level(alpha_cumprod**0.5, (1 - alpha_cumprod) ** 0.5, 0.0))
        off = (item.sample - expected)[..., 32:].std()
        assert float(off) < 0.02, calls
    assert calls >= 10


@pytest.mark.parametrize("name", SCHEDULERS)
def test_soft_masks_let_go_in_the_order_of_their_gray(name):
    ramp = torch.linspace(0, 1, 64).expand(1, 1, 64, 64).clone()
    ramp[..., :8] = 0
    clean, _, _, items = begin(
        name, 1.0, blend=lambda clean, noise: inpainting.SoftBlend(clean, noise, ramp)
    )
    latents = list(items)[-1]
    assert torch.equal(latents[..., :8], clean[..., :8])
    quarters = [(latents * clean)[..., k : k + 14].mean() / SPREAD**2 for k in (8, 22, 36, 50)]
    quarters = [float(quarter) for quarter in quarters]
    assert quarters[0] > quarters[1] - 0.1 > quarters[2] - 0.2
    assert quarters[0] > 2 * quarters[3]
    assert quarters[3] < 0.25
    assert 0.5 * SPREAD < float(latents.std()) < 1.25 * SPREAD


def test_a_gray_is_let_go_when_its_share_of_the_way_is_left():
    gray = torch.full((1, 1, 8, 8), 0.5)
    clean, noise = torch.ones(1, 4, 8, 8), torch.full((1, 4, 8, 8), 2.0)
    blend = inpainting.SoftBlend(clean, noise, gray)
    latents = torch.full((1, 4, 8, 8), 9.0)
    assert torch.equal(blend(latents, Level(0.5, 0.25, 0.49)), torch.ones(1, 4, 8, 8))
    assert torch.equal(blend(latents, Level(0.5, 0.25, 0.5)), latents)
    assert torch.equal(blend(latents, CLEAN), latents)
    black = inpainting.SoftBlend(clean, noise, torch.zeros(1, 1, 8, 8))
    assert torch.equal(black(latents, CLEAN), clean)


def test_nothing_shines_through_where_the_start_is_not_to_be_seen():
    _, noise, _, items = begin("Euler", 1.0, unseen=True)
    first = next(items)
    begun = schedulers.build("Euler", "automatic", "epsilon", [1])
    index, noise_sigma = begun.begin(STEPS)
    assert torch.equal(first.sample, begun.scaled(noise * noise_sigma, index))


@pytest.mark.parametrize(
    ("name", "blend"),
    [
        pytest.param(name, blend, marks=pytest.mark.slow if twice else ())
        for name in SCHEDULERS
        if name not in ("DPM++ SDE", "DPM adaptive")
        for blend, twice in (
            (inpainting.SoftBlend, False),
            (inpainting.HardBlend, name not in ("DPM++ 2M", "Heun", "Restart")),
        )
    ],
)
def test_no_step_waits_for_the_device(name, blend):
    """As in test_schedulers.py: on the meta device nobody can ask for a value."""
    scheduler = schedulers.build(name, "automatic", "epsilon", seeds=[1])
    noise = torch.zeros(1, 4, 16, 16, device="meta")
    start = Start(noise, 0.6, blend(noise, noise, noise[:, :1]))
    loop = denoise(noise, scheduler, 10, no_words(1), [torch.Generator()], start)
    answer = None
    with pytest.raises(StopIteration) as end:
        while True:
            item = loop.send(answer)
            answer = None if isinstance(item, Step) else torch.empty_like(item.sample)
            if answer is not None and item.wants_negative:
                answer = Guided(answer, answer)
    assert end.value.value.shape == (1, 4, 16, 16)

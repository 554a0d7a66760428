"""A model whose answer is known: data N(0, 0.5²), for which the best noise prediction is a formula.

A sampler that works brings pure noise to a spread of 0.5; one that leaves noise stays near 1, and
one that explodes goes far above.
"""

from collections.abc import Callable, Generator, Sequence

import torch

from studio.diffusion import schedulers
from studio.diffusion.conditioning import Conditioning, Prompt, Text
from studio.diffusion.denoise import Ask, Guided, Step, denoise
from studio.diffusion.laws import Flow
from studio.diffusion.scheduler import Scheduler
from studio.domain.schedulers import SamplerOptions

SPREAD = 0.5


def plain(text: Text) -> Prompt:
    """`text` alone, from the beginning to the end."""
    return Prompt(((1.0, text),))


def no_words(rows: int) -> Conditioning:
    """The analytic model does not read."""
    return Conditioning((plain(Text(torch.zeros(1, 77, 1))),))


def predict(scheduler: Scheduler, ask: Ask) -> torch.Tensor:
    """The exact E[ε | x] (or v) at ask.timestep, given E[x₀ | x] of a Gaussian."""
    law = scheduler.traits.law
    level = law.level(ask.timestep).reshape(-1, 1, 1, 1)
    if isinstance(law, Flow):
        spread = ((1 - level) * SPREAD) ** 2 + level**2
        return ask.sample * (level - (1 - level) * SPREAD**2) / spread
    alpha_cumprod = level
    signal, noise = alpha_cumprod**0.5, (1 - alpha_cumprod) ** 0.5
    clean = ask.sample * signal * SPREAD**2 / (alpha_cumprod * SPREAD**2 + noise**2)
    epsilon = (ask.sample - signal * clean) / noise
    if law.prediction_type == "v_prediction":
        return signal * epsilon - noise * clean
    return epsilon


def sample(
    name: str,
    noise_schedule: str,
    steps: int,
    prediction_type: str = "epsilon",
    on_step: Callable[[Step], None] = lambda step: None,
    *,
    seeds: Sequence[int] = (1,),
    **options,
) -> torch.Tensor:
    """Latents (len(seeds), 4, 32, 32) that our loop draws from the analytic model."""
    scheduler = schedulers.build(
        name, noise_schedule, prediction_type, seeds, SamplerOptions(**options)
    )
    return run(scheduler, steps, seeds, on_step)


def run(
    scheduler: Scheduler,
    steps: int,
    seeds: Sequence[int] = (1,),
    on_step: Callable[[Step], None] = lambda step: None,
    side: int = 32,
) -> torch.Tensor:
    """The same with a scheduler of one's own, the latents `side` cells wide and high."""
    sources = [torch.Generator().manual_seed(seed) for seed in seeds]
    noise = torch.cat([torch.randn(1, 4, side, side, generator=source) for source in sources])

    def answer(ask: Ask) -> torch.Tensor | Guided:
        predicted = predict(scheduler, ask)
        return Guided(predicted, predicted) if ask.wants_negative else predicted

    return driven(denoise(noise, scheduler, steps, no_words(len(seeds)), sources), answer, on_step)


def driven(
    loop: Generator[Ask | Step, torch.Tensor | Guided | None, torch.Tensor],
    answer: Callable[[Ask], torch.Tensor | Guided],
    on_step: Callable[[Step], None] = lambda step: None,
) -> torch.Tensor:
    """What `loop` returns, its asks answered by `answer`."""
    sent = None
    while True:
        try:
            item = loop.send(sent)
        except StopIteration as end:
            return end.value
        sent = answer(item) if isinstance(item, Ask) else on_step(item)

"""Noise out: a drawing, step by step (DDIM, arXiv:2010.02502, equation 12; classifier-free
guidance, arXiv:2207.12598, equation 6)."""

from __future__ import annotations

from collections.abc import Generator

import torch
from PIL import Image

from studio.learning.asked import NoiseOutAsked
from studio.learning.bench import Bench, difference
from studio.learning.shown import Maps, NoiseOutShown, Sheet


def noise_out(
    bench: Bench, asked: NoiseOutAsked, _: Image.Image | None
) -> Generator[None, None, NoiseOutShown]:
    law, moments = bench.law, []
    for moment in bench.moments(bench.noise(bench.request.seed)):
        moments.append(moment)
        yield
    estimates, unguided, differences = [], [], []
    for moment in moments:
        with_guidance = bench.decoded(moment.denoised)
        without = bench.decoded(law.clean(moment.sample, moment.positive, moment.level))
        estimates.append(with_guidance)
        unguided.append(without)
        differences.append(difference(with_guidance, without))
        yield
    return NoiseOutShown(
        guidance_scale=asked.guidance_scale,
        timesteps=[moment.timestep for moment in moments],
        alphas_cumprod=[*(moment.level for moment in moments), float(law.alphas_cumprod[0])],
        latents=Maps.of(torch.stack([*(m.sample for m in moments), moments[-1].latents])),
        negative=Maps.of(torch.stack([moment.negative for moment in moments])),
        positive=Maps.of(torch.stack([moment.positive for moment in moments])),
        estimates=Sheet.of(estimates),
        unguided=Sheet.of(unguided),
        differences=Sheet.of(differences),
        picture=Sheet.of([bench.decoded(moments[-1].latents)]),
    )

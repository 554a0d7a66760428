"""The latent space: what the VAE keeps of a picture (latent diffusion, arXiv:2112.10752), and walks
through it."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import torch
from PIL import Image

from studio.diffusion.noise import slerp
from studio.learning.asked import LatentSpaceAsked
from studio.learning.bench import Bench, difference, psnr_db
from studio.learning.scenes import picture_of, scene
from studio.learning.shown import LatentSpaceShown, Sheet

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


def latent_space(
    bench: Bench, asked: LatentSpaceAsked, own: Image.Image | None
) -> Generator[None, None, LatentSpaceShown]:
    one, caption = picture_of(asked.scene, own, bench.size)
    other, _ = scene(asked.other_scene, bench.size)
    first, second = bench.encoded(one), bench.encoded(other)
    back = bench.decoded(first)
    yield
    walked = []
    for share in SHARES:
        walked.append(bench.decoded(torch.lerp(first, second, share)))
        yield
    start, end = bench.noise(asked.seed), bench.noise(asked.other_seed)
    seeds = []
    for share in SHARES:
        seeds.append((yield from bench.drawn(slerp(start, end, share))))
    half = torch.lerp(start, end, 0.5)
    straight = yield from bench.drawn(half)
    return LatentSpaceShown(
        caption=caption,
        pixels=np.asarray(one).size,
        latents=first.numel(),
        there=Sheet.of([one]),
        back=Sheet.of([back]),
        differences=Sheet.of([difference(one, back)]),
        psnr_db=psnr_db(one, back),
        shares=list(SHARES),
        mixed=Sheet.of([Image.blend(one, other, share) for share in SHARES]),
        walked=Sheet.of(walked),
        seeds=Sheet.of(seeds),
        straight=Sheet.of([straight]),
        spreads=(float(slerp(start, end, 0.5).std()), float(half.std())),
    )

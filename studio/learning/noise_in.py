"""Noise in: how a picture goes under in noise (DDPM, arXiv:2006.11239, equations 2 and 4)."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np
import torch
from PIL import Image

from studio.learning.asked import NoiseInAsked
from studio.learning.bench import Bench
from studio.learning.scenes import picture_of
from studio.learning.shown import NoiseInShown, Sheet

_AT_ONCE = 4
"""Pictures that are decoded between two steps of what is drawn."""


def noise_in(
    bench: Bench, asked: NoiseInAsked, own: Image.Image | None
) -> Generator[None, None, NoiseInShown]:
    picture, caption = picture_of(asked.scene, own, bench.size)
    clean = bench.encoded(picture)
    yield
    table = bench.law.alphas_cumprod
    stops = [round(at) for at in np.linspace(0, len(table) - 1, asked.stops)]
    noise = bench.noise(asked.seed)
    closed = [noised(clean, noise, float(table[stop])) for stop in stops]
    walked, gathered = walk(clean, table, stops, asked.seed)
    apart = [
        float((one - (float(table[stop]) ** 0.5 * clean + more)).abs().max())
        for stop, one, more in zip(stops, walked, gathered, strict=True)
    ]
    units = [
        more / (1 - float(table[stop])) ** 0.5 for stop, more in zip(stops, gathered, strict=True)
    ]
    sheets = []
    for row in (closed, walked):
        pictures = []
        for place, latents in enumerate(row):
            pictures.append(bench.decoded(latents))
            if place % _AT_ONCE == _AT_ONCE - 1:
                yield
        sheets.append(Sheet.of(pictures))
    return NoiseInShown(
        caption=caption,
        alphas_cumprod=[round(float(value), 7) for value in table],
        timesteps=stops,
        closed=sheets[0],
        walked=sheets[1],
        apart=apart,
        gathered=[(float(one.mean()), float(one.std())) for one in units],
    )


def noised(clean: torch.Tensor, noise: torch.Tensor, level: float) -> torch.Tensor:
    """z_t = √ᾱ·z₀ + √(1−ᾱ)·ε at once, ᾱ being `level`."""
    return level**0.5 * clean + (1 - level) ** 0.5 * noise


def walk(
    clean: torch.Tensor, table: torch.Tensor, stops: Sequence[int], seed: int
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """The same in small steps, z_t = √(1−β_t)·z_{t−1} + √β_t·ε_t with fresh noise in each, looked
    at after each of `stops`: the z_t, and the noise in them."""
    source = torch.Generator("cpu").manual_seed(seed)
    latents, noise, before = clean.clone(), torch.zeros_like(clean), 1.0
    seen: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
    for timestep, level in enumerate(table.tolist()):
        kept = (level / before) ** 0.5
        added = (1 - level / before) ** 0.5
        fresh = torch.randn(clean.shape, generator=source).to(clean)
        latents = kept * latents + added * fresh
        noise = kept * noise + added * fresh
        before = level
        if timestep in stops:
            seen[timestep] = latents, noise
    return [seen[stop][0] for stop in stops], [seen[stop][1] for stop in stops]

"""Training in the small: a tiny network learns to tell the noise in one picture (DDPM,
arXiv:2006.11239, equation 14), while one watches."""

from __future__ import annotations

import time
from collections.abc import Generator

import torch
from PIL import Image
from torch import nn

from studio.diffusion.laws import VariancePreserving
from studio.learning.asked import TrainingAsked
from studio.learning.bench import Bench
from studio.learning.scenes import picture_of
from studio.learning.shown import Sheet, TrainingShown

PIECE_S = 0.4
"""So long it learns while nothing is drawn."""

_PIECES = 3
"""Between two looks: a look takes a while itself."""

_BATCH = 16
_RATE = 2e-3
_WIDTH = 32
_POINTS = 400
"""Losses that are told at most."""


def training(
    bench: Bench, asked: TrainingAsked, own: Image.Image | None
) -> Generator[None, None, TrainingShown]:
    learner = bench.kept.get("learner")
    if learner is None:
        picture, bench.kept["caption"] = picture_of(asked.scene, own, bench.size)
        clean = bench.encoded(picture)
        learner = bench.kept["learner"] = Learner(clean, bench.law, asked.seed)
    for _ in range(_PIECES):
        learner.learn(min(PIECE_S, asked.seconds - learner.age_s))
        yield
        if learner.age_s >= asked.seconds:
            break
    return TrainingShown(
        caption=bench.kept["caption"],
        parameters=learner.parameters,
        steps=learner.steps,
        seconds=learner.age_s,
        losses=learner.told(_POINTS),
        picture=Sheet.of([bench.decoded(learner.drawn(bench.noise(asked.seed)))]),
        done=learner.age_s >= asked.seconds,
    )


class TinyNetwork(nn.Module):
    """What noise is in z_t (B, C, h, w) at t (B,), by two convolutions and a map of its own that
    it fills with what it remembers of the picture."""

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.begin = nn.Conv2d(channels, _WIDTH, 3, padding=1)
        self.remembered = nn.Parameter(torch.zeros(1, _WIDTH, height, width))
        self.time = nn.Sequential(
            nn.Linear(_WIDTH, _WIDTH), nn.SiLU(), nn.Linear(_WIDTH, 2 * _WIDTH)
        )
        self.middle = nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1)
        self.end = nn.Conv2d(_WIDTH, channels, 3, padding=1)

    def forward(self, latents: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        waves = torch.arange(1, _WIDTH // 2 + 1) * (torch.pi / 1000) * timestep[:, None]
        told = self.time(torch.cat([waves.sin(), waves.cos()], dim=1))[:, :, None, None]
        scale, shift = told.chunk(2, dim=1)
        features = self.begin(latents) + self.remembered * (1 + scale) + shift
        features = features + nn.functional.silu(self.middle(nn.functional.silu(features)))
        return self.end(features)


class Learner:
    """A `TinyNetwork` that learns `clean`, (1, C, h, w), on the CPU."""

    def __init__(self, clean: torch.Tensor, law: VariancePreserving, seed: int) -> None:
        with torch.inference_mode(False):
            self._clean = clean.detach().cpu().clone()
            self._levels = law.alphas_cumprod.float().cpu().clone()
            self._source = torch.Generator("cpu").manual_seed(seed)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                self._network = TinyNetwork(*clean.shape[1:])
            self._optimizer = torch.optim.Adam(self._network.parameters(), _RATE)
        self._losses: list[float] = []
        self._since_s = time.monotonic()

    @property
    def age_s(self) -> float:
        """So many seconds ago it was made."""
        return time.monotonic() - self._since_s

    @property
    def steps(self) -> int:
        return len(self._losses)

    @property
    def parameters(self) -> int:
        return sum(each.numel() for each in self._network.parameters())

    def learn(self, seconds: float) -> None:
        """Steps for so long, at least one."""
        since_s = time.monotonic()
        with torch.inference_mode(False), torch.enable_grad():
            while True:
                self._losses.append(self._step())
                if time.monotonic() - since_s >= seconds:
                    break

    def _step(self) -> float:
        """L = E‖ε − ε_θ(z_t, t)‖² over a few noises and timesteps, made smaller by a step."""
        timesteps = torch.randint(len(self._levels), (_BATCH,), generator=self._source)
        noise = torch.randn((_BATCH, *self._clean.shape[1:]), generator=self._source)
        level = self._levels[timesteps][:, None, None, None]
        noisy = level.sqrt() * self._clean + (1 - level).sqrt() * noise
        loss = nn.functional.mse_loss(self._network(noisy, timesteps.float()), noise)
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        return loss.item()

    def told(self, most: int) -> list[float]:
        """The losses, at most so many: each the mean of as many."""
        each = -(-len(self._losses) // most)
        parts = [self._losses[at : at + each] for at in range(0, len(self._losses), each)]
        return [round(sum(part) / len(part), 5) for part in parts]

    def drawn(self, noise: torch.Tensor, steps: int = 20) -> torch.Tensor:
        """What the network as it is makes of `noise`, (1, C, h, w), by DDIM: latents."""
        latents = noise.cpu().float()
        times = torch.linspace(len(self._levels) - 1, 0, steps).round().long()
        for place, timestep in enumerate(times):
            level = self._levels[timestep]
            predicted = self._network(latents, timestep[None].float())
            clean = (latents - (1 - level).sqrt() * predicted) / level.sqrt()
            after = self._levels[times[place + 1]] if place + 1 < steps else torch.tensor(1.0)
            latents = after.sqrt() * clean + (1 - after).sqrt() * predicted
        return latents.to(noise)

"""The models of a drawing at hand, to be looked into: the same words, loop, guidance and VAE as
when a picture is drawn. To be used in the device's thread."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageChops

from studio.diffusion import latents, shared_call
from studio.diffusion.attention import Attention
from studio.diffusion.conditioning import TextModels, Word
from studio.diffusion.control import ControlNetUnit
from studio.diffusion.denoise import Ask, Start, denoise
from studio.diffusion.laws import VariancePreserving
from studio.diffusion.noise import Noise
from studio.diffusion.rows import Residuals, Unit
from studio.diffusion.scheduler import Scheduler
from studio.domain.request import GenerationRequest
from studio.engine.conditioned import Conditioned
from studio.engine.recipe import Draw, draws, recipe
from studio.engine.run import Resources
from studio.residence.lease import Lease

Span = tuple[int, int]
Pieces = Generator[None, None, Image.Image]
_STRONGER = 3
"""How much differences are shown stronger than they are."""


@dataclass(frozen=True)
class Moment:
    """A step of the denoise loop, on the host; latents are (C, h, w) float32.

    timestep  as the U-Net is told it
    level     ᾱ there
    sample    what the step began with
    negative, positive, guided   the noise predicted under each prompt, and what guidance makes of
              both; all the same where guidance is off
    latents   what it leads to
    denoised  the estimate of the end
    words     start and end of each word of the prompt -> (h, w), how much it was read where
    """

    timestep: float
    level: float
    sample: torch.Tensor
    negative: torch.Tensor
    positive: torch.Tensor
    guided: torch.Tensor
    latents: torch.Tensor
    denoised: torch.Tensor
    words: dict[Span, torch.Tensor]


class Bench:
    """`lease` at the disposal of one who looks at how `request`, which is settled, is drawn.
    `is_seen`: it is looked at where the words of the prompt act. `kept` is what is kept from one
    look to the next."""

    def __init__(
        self,
        lease: Lease,
        request: GenerationRequest,
        resources: Resources,
        *,
        canvas: Image.Image | None = None,
        is_seen: bool = False,
    ) -> None:
        self.request, self.lease, self._resources = request, lease, resources
        self.draw: Draw = draws(recipe(request, resources.select, None))[0]
        self.device = resources.manager.device
        self.models = Conditioned(
            lease, self.draw, request.controls, canvas, resources, is_seen=is_seen
        )
        self.family = self.models.family
        self._is_seen, self._canvas = is_seen, canvas
        self.kept: dict[str, Any] = {}

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.draw.size

    @property
    def law(self) -> VariancePreserving:
        """How much of the picture and of the noise is in a sample."""
        return self.scheduler().traits.law

    @property
    def words(self) -> tuple[Word, ...]:
        """Those of the prompt that are looked at, by where they stand."""
        prompts = self.models.conditioning(self.size, "none").prompts
        return tuple(sorted(prompts[0].at(1.0).words, key=lambda word: word.start))

    @property
    def text_models(self) -> TextModels:
        lent = self.lease.models
        return TextModels(self.family, lent.tokenizers, lent.text_encoders, lent.embeddings)

    def scheduler(self) -> Scheduler:
        """A fresh one."""
        ref, sampling = self.draw.selection.checkpoint, self.draw.sampling
        return self.family.scheduler(ref, sampling, [self.request.seed])

    def told(self, **otherwise: Any) -> Bench:
        """The same models for a request in which these fields are otherwise."""
        request = self.request.model_copy(update=otherwise)
        return Bench(self.lease, request, self._resources, canvas=self._canvas)

    def noise(self, seed: int) -> torch.Tensor:
        """(1, C, h, w) on the device: what a drawing with that seed begins with."""
        width, height = (side // self.family.vae_factor for side in self.size)
        drawn = Noise([seed]).draw(self.family.latent_channels, height, width)
        return drawn.to(self.device)

    def encoded(self, picture: Image.Image) -> torch.Tensor:
        """(1, C, h, w) of a picture of the size of the drawing."""
        return self.models.vae.encode(latents.to_pixels(picture))

    def decoded(self, clean: torch.Tensor) -> Image.Image:
        """Of (1, C, h, w), or of (C, h, w)."""
        clean = clean if clean.dim() == 4 else clean[None]
        images, _ = self.models.vae.decode(clean.to(self.device))
        return images[0]

    def drawn(self, noise: torch.Tensor, start: Start | None = None) -> Pieces:
        """The picture that comes of `noise` or of `start`, a step after the other."""
        latents = noise
        for moment in self.moments(noise, start):
            latents = moment.latents
            yield
        return self.decoded(latents)

    def moments(self, noise: torch.Tensor, start: Start | None = None) -> Iterator[Moment]:
        """Each step of the drawing that begins with `noise`, (1, C, h, w), or with `start`: a call
        of the U-Net for each that is asked for."""
        scheduler, generators = self.scheduler(), latents.generators([self.request.seed])
        conditioning = self.models.conditioning(self.size, "none")
        units = self.models.units(self.draw.passes[0], self._canvas, "none")
        steps = self.draw.sampling.steps
        loop = denoise(noise, scheduler, steps, conditioning, generators, start)
        law = scheduler.traits.law
        for ask in loop:
            seen = Attention(1, ask.sample.shape[2:]) if self._is_seen else None
            negative, positive, guided = self._predicted(ask, units, seen)
            step = loop.send(guided)
            yield Moment(
                timestep=float(ask.timestep[0]),
                level=float(law.level(ask.timestep)[0]),
                sample=ask.sample[0].cpu(),
                negative=negative[0].cpu(),
                positive=positive[0].cpu(),
                guided=guided[0].cpu(),
                latents=step.latents[0].cpu(),
                denoised=step.denoised[0].cpu(),
                words={span: each[0] for span, each in seen.maps().items()} if seen else {},
            )

    def added(self, noise: torch.Tensor) -> tuple[ControlNetUnit, Residuals]:
        """The first unit of the request, and what it adds at the first step of the drawing that
        begins with `noise`."""
        units = self.models.units(self.draw.passes[0], self._canvas, "none")
        conditioning = self.models.conditioning(self.size, "none")
        generators = latents.generators([self.request.seed])
        steps = self.draw.sampling.steps
        ask = next(denoise(noise, self.scheduler(), steps, conditioning, generators))
        wanted = next(self.models.predict(ask, units))
        return units[0], units[0].together(units[:1], [wanted.rows])

    def _predicted(
        self, ask: Ask, units: Sequence[Unit], seen: Attention | None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Under the negative prompt, under the prompt, and what guidance makes of both."""
        asking = self.models.predict(ask, units, seen)
        wanted = next(asking)
        [predicted] = shared_call.predict(wanted.predictor, [wanted.rows])
        try:
            asking.send(predicted)
        except StopIteration as end:
            guided = end.value
        return predicted[:1], predicted[-1:], guided


def psnr_db(one: Image.Image, other: Image.Image) -> float:
    """Peak signal-to-noise ratio of two pictures of 8 bits; infinite where they are the same."""
    error = np.asarray(one, np.float64) - np.asarray(other, np.float64)
    square = float((error**2).mean())
    return math.inf if square == 0 else 10 * math.log10(255**2 / square)


def difference(one: Image.Image, other: Image.Image) -> Image.Image:
    """How far two pictures are apart, RGB, three times as strong."""
    apart = np.asarray(ImageChops.difference(one, other), np.uint16) * _STRONGER
    return Image.fromarray(apart.clip(0, 255).astype(np.uint8))

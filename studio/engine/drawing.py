"""One `Draw` of a recipe at work: its passes, each a run of the denoise loop and a decode."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Sequence
from contextlib import suppress
from typing import Any

import torch

from studio.diffusion import latents
from studio.diffusion.denoise import Ask, Guided, Step, denoise
from studio.diffusion.interruption import Interrupted
from studio.diffusion.noise import Noise
from studio.diffusion.rows import Unit
from studio.domain.control import ControlInput
from studio.domain.events import Started
from studio.domain.geometry import CELL
from studio.domain.refs import Selection
from studio.domain.seamless import TilingName
from studio.domain.seeds import Seeds
from studio.engine import editing
from studio.engine.borrowed import Borrowed
from studio.engine.clock import Clock
from studio.engine.conditioned import Conditioned
from studio.engine.editing import Editing
from studio.engine.pace import Pace
from studio.engine.previewing import Previewing
from studio.engine.recipe import Draw
from studio.engine.run import Apart, Resources, StableDiffusionRun, Told, Work
from studio.engine.run import Ask as Asked
from studio.engine.vae import Decoded, as_preview
from studio.engine.word_maps import WordMaps
from studio.imaging.passes import Pass

_PARTLY = (
    "Only a part of the picture was drawn at a time, so its borders are not seamless. Draw the "
    "whole picture at its own size."
)

Loop = Generator[Ask | Step, torch.Tensor | Guided | None, torch.Tensor]


class Drawing:
    """A `draw` of `run`, into the pictures of `edit`; `warnings` are those to go with them.

    keeps_latents  what follows begins with latents: they are not decoded
    words          where what is seen of the prompt's words goes; None: it is not looked at
    """

    def __init__(
        self,
        draw: Draw,
        run: StableDiffusionRun,
        edit: Editing,
        resources: Resources,
        *,
        borrowed: Borrowed,
        clock: Clock,
        keeps_latents: bool = False,
        words: WordMaps | None = None,
    ) -> None:
        self._draw, self._run, self._edit, self._resources = draw, run, edit, resources
        self._borrowed, self._clock, self._keeps_latents = borrowed, clock, keeps_latents
        self._words = words
        self._device = resources.manager.device
        self._noise = _noise(edit.request)
        self._models: Conditioned | None = None
        self._units: Sequence[Unit] = ()
        self._is_refined = False
        self.warnings: dict[str, None] = {}

    def work(self) -> Work:
        """All of it, until the run is cancelled: then with what there is."""
        yield from self._take(self._draw.selection, self._draw.controls)
        if self._draw.strength == 0 and self._models:
            yield from self._take_over(self._draw.passes[0], self._edit.latents)
            return
        for number, pass_ in enumerate(self._draw.passes):
            if self._run.cancelled:
                break
            try:
                last = yield from self._denoise(pass_, is_first=number == 0)
            except Interrupted:  # before its first step
                last = None
            if last is None:
                break
            clean = last.denoised if self._run.cancelled else last.latents
            yield from self._take_over(pass_, clean)
            if self._words:
                self._words.end(pass_, self._edit.size or self._draw.size)
        if self._edit.latents is not None and self._run.cancelled:
            yield from self._take_over(self._draw.passes[0], self._edit.latents)

    def _take(self, selection: Selection, controls: Sequence[ControlInput]) -> Work:
        """Have `selection` at hand, unless cancelled meanwhile."""
        run = self._run
        self._models, self._units = None, ()  # nothing keeps alive what is given back
        is_loaded = False
        for event in self._borrowed.take(selection):
            yield event
            is_loaded = True
            if run.cancelled:
                self._borrowed.end()
                return
        if is_loaded or not self._clock.has_begun:
            self._clock.begin()
            yield Started()
        lease, draw, canvas = self._borrowed.lease, self._draw, self._edit.source
        with suppress(Interrupted):
            is_seen = self._words is not None
            self._models = yield Apart(
                lambda: Conditioned(lease, draw, controls, canvas, self._resources, is_seen=is_seen)
            )
        self.warnings |= dict.fromkeys(lease.models.warnings)
        if self._words and self._models:
            self.warnings |= dict.fromkeys(self._models.untold)

    def _denoise(self, pass_: Pass, is_first: bool) -> Generator[Told | Asked, Any, Step | None]:
        """Answers with the last step that was made; None if cancelled before the first."""
        run = self._run
        if self._is_refined:
            self._is_refined = False
            yield from self._take(self._draw.selection, self._draw.controls)
        if self._models is None:
            return None
        loop = yield Apart(lambda: self._loop(pass_, is_first))
        self._units = yield Apart(lambda: self._units_at(pass_))
        previews, approximation = self._previews(pass_), self._models.approximation()
        last, answer, pace = None, None, Pace(self._device)
        while not run.cancelled:
            try:
                item = loop.send(answer)
            except StopIteration:
                self._clock.pass_is_over()
                if approximation:
                    self.warnings |= dict.fromkeys(self._models.remarks(approximation))
                return last
            if isinstance(item, Step):
                last, answer = item, None
                pace.after_step()
                progress = self._clock.progress(last.index, last.total)
                yield progress, *previews.after(progress, last.denoised)
                continue
            if self._is_time_to_refine(item):
                yield from self._refine(pass_)
                if self._models is None:
                    break
                previews, approximation = self._previews(pass_), self._models.approximation()
            asked = self._reconditioned(item, pass_)
            seen = self._words and self._words.attention
            answer = yield from self._models.predict(asked, self._units, seen, approximation)
        return last

    def _units_at(self, pass_: Pass) -> Sequence[Unit]:
        return self._models.units(pass_, self._edit.source, self._tiling(pass_))

    def _tiling(self, pass_: Pass) -> TilingName:
        """Only a whole picture has another side to go on at."""
        tiling = self._edit.request.tiling
        if tiling == "none" or self._edit.is_whole(pass_):
            return tiling
        self.warnings[_PARTLY] = None
        return "none"

    def _previews(self, pass_: Pass) -> Previewing:
        show, shown = self._models.previewer(), self._edit.shown(pass_)
        return Previewing(self._run.wants_preview, show, shown, self._edit.profile)

    def _loop(self, pass_: Pass, is_first: bool) -> Loop:
        """The denoise loop over `pass_`."""
        models, sampling, generators = self._models, self._draw.sampling, self._noise.generators
        family, ref = models.family, self._draw.selection.checkpoint
        tiling = self._tiling(pass_)
        width, height = (side // family.vae_factor for side in pass_.size)
        noise = self._noise.draw(family.latent_channels, height, width).to(self._device)
        if self._words:
            self._words.begin((width, height))
        task = self._edit.request.task
        setting = editing.Setting(
            task, self._draw.strength, models.vae.wrapped(tiling), models.takes_mask, generators
        )
        start, extra_channels = editing.begin(setting, pass_, self._edit, noise)
        conditioning = models.conditioning(pass_.size, tiling)
        conditioning = dataclasses.replace(conditioning, extra_channels=extra_channels)
        seeds = self._noise.seeds if is_first else latents.further_seeds(generators)
        scheduler = family.scheduler(ref, sampling, seeds)
        return denoise(noise, scheduler, sampling.steps, conditioning, generators, start)

    def _is_time_to_refine(self, ask: Ask) -> bool:
        refiner = self._draw.refiner
        return refiner is not None and not self._is_refined and ask.begun >= refiner.switch_at

    def _refine(self, pass_: Pass) -> Work:
        """The refiner takes over."""
        self._is_refined = True
        yield from self._take(self._draw.refiner.selection, self._draw.refiner.controls)
        if self._models is None:
            return
        with suppress(Interrupted):
            self._units = yield Apart(lambda: self._units_at(pass_))

    def _reconditioned(self, ask: Ask, pass_: Pass) -> Ask:
        """`ask` as the models at hand understand it."""
        if not self._is_refined:
            return ask
        asked = ask.conditioning
        conditioning = dataclasses.replace(
            self._models.conditioning(pass_.size, asked.tiling),
            guidance_scale=asked.guidance_scale,
            extra_channels=asked.extra_channels,
        )
        return dataclasses.replace(ask, conditioning=conditioning)

    def _take_over(self, pass_: Pass, clean: torch.Tensor) -> Work:
        """What a pass has drawn, latents (B, C, h, w), becomes that of `edit`."""
        if self._keeps_latents and not self._run.cancelled:
            self._edit.latents = clean
            return
        if self._models is None:
            images, warnings = as_preview(clean, self._draw.selection.checkpoint.family)
        else:
            images, warnings = yield from self._decoded(clean, self._tiling(pass_))
        self.warnings |= dict.fromkeys(warnings)
        self._edit.paste(pass_, images)

    def _decoded(self, clean: torch.Tensor, tiling: TilingName) -> Generator[Apart, Any, Decoded]:
        """One picture after the other, which takes the most memory of a run; of a run that was
        cancelled all at once, and soon."""
        vae, pictures, warnings = self._models.vae.wrapped(tiling), [], {}
        with suppress(Interrupted):
            for row in clean.split(1):
                if self._run.cancelled:
                    raise Interrupted
                decoded, more = yield Apart(lambda row=row: vae.decode(row))
                pictures += decoded
                warnings |= dict.fromkeys(more)
            return pictures, tuple(warnings)
        show, cells = self._models.previewer(), clean.shape[2:]
        height, width = (count * self._models.family.vae_factor for count in cells)
        return (yield Apart(lambda: vae.decode_soon(clean, show, (width, height))))


def _noise(seeds: Seeds) -> Noise:
    batch, first_size = range(seeds.batch_size), seeds.seed_resize_from
    return Noise(
        [seeds.seed_at(place) for place in batch],
        [seeds.variation_seed_at(place) for place in batch],
        seeds.variation_strength,
        first_size and (first_size[1] // CELL, first_size[0] // CELL),
    )

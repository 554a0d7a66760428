"""One `Draw` of a recipe at work: its passes, each a run of the denoise loop and a decode."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator
from contextlib import suppress

import torch
from PIL import Image

from studio.diffusion import conditioning, control, latents, predictors, preview
from studio.diffusion.denoise import Ask, Guided, Step, denoise
from studio.diffusion.interruption import Interrupted
from studio.domain.events import Event, Preview
from studio.domain.request import GenerationRequest
from studio.engine import editing
from studio.engine.clock import Clock
from studio.engine.controlling import Controls
from studio.engine.editing import Editing
from studio.engine.recipe import Draw
from studio.engine.run import StableDiffusionRun
from studio.engine.vae import Vae
from studio.imaging.passes import Pass
from studio.residence.lease import Lease
from studio.weights.loader import Models

Answer = torch.Tensor | Guided | None


class Drawing:
    """A `draw` of `run`, with the models of `lease`, into the canvases of `edit`."""

    def __init__(
        self,
        draw: Draw,
        run: StableDiffusionRun,
        lease: Lease,
        edit: Editing,
        controls: Controls,
        *,
        clock: Clock,
        device: torch.device,
    ) -> None:
        self._draw, self._run, self._lease, self._edit = draw, run, lease, edit
        self._controls, self._clock, self._device = controls, clock, device

    def passes(self) -> Generator[Event | Ask, Answer, tuple[tuple[str, ...], bool]]:
        """All of them. Answers with the warnings to go with the pictures, and whether anything was
        drawn, which it was not if cancelled before the first step."""
        self._prepare()
        warnings, drawn = dict.fromkeys(self._lease.models.warnings), False
        for number, pass_ in enumerate(self._draw.passes):
            try:
                last = yield from self._denoise(pass_, is_first=number == 0)
            except Interrupted:  # before its first step
                last = None
            if last is None:
                break
            images, of_vae = self._decoded(pass_, last)
            warnings |= dict.fromkeys(of_vae)
            self._edit.paste(pass_, images)
            drawn = True
        return tuple(warnings), drawn

    def _prepare(self) -> None:
        """All that the passes share."""
        lease, models, request = self._lease, self._lease.models, self._run.request
        family = models.ref.family
        if models.image_encoders:
            lease.bring("image_encoder")
            canvas = self._edit.canvases[0] if self._edit.canvases else None
            self._controls.look(models.controlnets, models.image_encoders, canvas)
        lease.bring(*family.text_parts, "vae")
        self._vae = Vae(lease)
        takes_mask = models.backbone.config.in_channels > family.latent_channels
        self._generators = latents.generators(_seeds(request))
        self._setting = editing.Setting(
            request.task, self._draw.strength, self._vae, takes_mask, self._generators
        )
        self._conditioning = _condition(self._draw, request.batch_size, models, self._device)

    def _denoise(self, pass_: Pass, is_first: bool) -> Generator[Event | Ask, Answer, Step | None]:
        """Answers with the last step that was made; None if cancelled before the first."""
        run, models = self._run, self._lease.models
        loop = self._loop(pass_, is_first)
        family = models.ref.family
        self._lease.bring(family.backbone)
        run.predictor = predictors.ClassifierFreeGuidance(self._steered(pass_), family.guided)
        show, shown = None, self._edit.shown(pass_)
        last, answer = None, None
        while not run.cancelled:
            try:
                item = loop.send(answer)
            except StopIteration:
                self._clock.pass_is_over()
                return last
            if isinstance(item, Ask):
                answer = yield item
                continue
            last, answer = item, None
            progress = self._clock.progress(last.index, last.total)
            yield progress
            if run.wants_preview() and progress.step < progress.total:
                show = show or _previewer(models)
                small = shown.in_place(show(last.denoised))
                yield Preview(progress.step, preview.as_jpeg(small, self._edit.profile))
        return last

    def _loop(self, pass_: Pass, is_first: bool) -> Generator[Ask | Step, Answer, torch.Tensor]:
        """The denoise loop over `pass_`."""
        models, sampling = self._lease.models, self._draw.sampling
        family, generators = models.ref.family, self._generators
        width, height = (side // family.vae_factor for side in pass_.size)
        noise = latents.initial_noise(generators, family.latent_channels, height, width)
        noise = noise.to(self._device)
        start, extra_channels = editing.begin(self._setting, pass_, self._edit.canvases, noise)
        sized = family.at_size(self._conditioning, pass_.size)
        sized = dataclasses.replace(sized, extra_channels=extra_channels)
        seeds = _seeds(self._run.request) if is_first else latents.further_seeds(generators)
        scheduler = family.scheduler(models.ref, sampling, seeds)
        return denoise(noise, scheduler, sampling.steps, sized, generators, start)

    def _steered(self, pass_: Pass) -> predictors.Predictor:
        """The backbone, with the request's ControlNets if it has any."""
        models = self._lease.models
        backbone = models.ref.family.predictor(models.backbone)
        if not self._controls.units:
            return backbone
        canvas = self._edit.canvases[0] if self._edit.canvases else None
        units = self._controls.at_work(models.controlnets, pass_, canvas)
        return control.Controlled(backbone, units)

    def _decoded(self, pass_: Pass, last: Step) -> tuple[list[Image.Image], tuple[str, ...]]:
        """The pictures of a pass after its `last` step, and the warnings to go with them."""
        if not self._run.cancelled:
            with suppress(Interrupted):
                return self._vae.decode(last.latents)
        show = _previewer(self._lease.models)
        return self._vae.decode_soon(last.denoised, show, pass_.size)


def _previewer(models: Models) -> preview.Previewer:
    family = models.ref.family
    return preview.previewer(
        (family.preview_factors, family.preview_bias), models.preview_decoder, models.tiny_vae
    )


def _seeds(request: GenerationRequest) -> range:
    return range(request.seed, request.seed + request.batch_size)


def _condition(
    draw: Draw, rows: int, models: Models, device: torch.device
) -> conditioning.Conditioning:
    """The same text for every row of the batch."""
    text = conditioning.TextModels(
        models.ref.family, models.tokenizers, models.text_encoders, models.embeddings
    )
    prompts = draw.prompt, draw.negative_prompt
    return models.ref.family.condition(prompts, draw.sampling, rows, draw.size, text, device)

"""The real engine: joins models and diffusion, and turns a request into events.

A run is a generator that holds its lease while it lives. It yields events for the world and asks
for the engine; the engine answers the asks, so that those of several runs may later be answered
by one U-Net call.
"""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Callable, Generator, Sequence

import torch
from PIL import Image

from studio.diffusion import conditioning, inpainting, latents, predictors, preview, schedulers
from studio.diffusion.denoise import Ask, Step, denoise
from studio.domain import errors, events, infotext
from studio.domain.refs import ModelRef, Selection
from studio.domain.request import GenerationRequest
from studio.domain.schedulers import SamplerOptions
from studio.engine.protocol import WantsPreview, never
from studio.models.loader import Models
from studio.models.manager import ModelManager

log = logging.getLogger(__name__)

_OVERFLOWED = (
    "This VAE overflows in half precision, so the picture was decoded again in float32, which "
    "takes longer. Another VAE of the family may not need it."
)


class StableDiffusionRun:
    """One request under way; see `engine.protocol.Run`."""

    def __init__(self, request: GenerationRequest, wants_preview: WantsPreview) -> None:
        self.request = request
        self.wants_preview = wants_preview
        self.done = False
        self.cancelled = False
        self.retried = False
        self.predictor: predictors.Predictor | None = None
        self.work: Generator[events.Event | Ask, torch.Tensor | None, None] | None = None

    def cancel(self) -> None:
        self.cancelled = True


class StableDiffusionEngine:
    """Runs requests on one device; `select` says which models a request needs, and `manager`
    holds them. `short_hash` gives a model's ten digits for the infotext, None if not yet known."""

    def __init__(
        self,
        manager: ModelManager,
        select: Callable[[GenerationRequest], Selection],
        short_hash: Callable[[ModelRef], str | None] = lambda ref: None,
    ) -> None:
        self._manager = manager
        self._select = select
        self._short_hash = short_hash

    def warm_up(self, checkpoint: str) -> None:
        """Load `checkpoint` before anybody asks. Raises as the loader does."""
        selection = self._select(GenerationRequest(checkpoint=checkpoint))
        with torch.inference_mode(), self._manager.lease(selection):
            pass

    def open(
        self, request: GenerationRequest, wants_preview: WantsPreview = never
    ) -> StableDiffusionRun:
        run = StableDiffusionRun(request, wants_preview)
        run.work = self._work(run)
        return run

    def advance(
        self, runs: Sequence[StableDiffusionRun]
    ) -> list[tuple[StableDiffusionRun, events.Event]]:
        happened = []
        for run in runs:
            with torch.inference_mode():
                event = self._next_event(run)
            run.done = isinstance(event, events.FINAL)
            if run.done:
                run.work.close()
            happened.append((run, event))
        return happened

    def _next_event(self, run: StableDiffusionRun) -> events.Event:
        ran_out = False
        try:
            item = next(run.work)
            while isinstance(item, Ask):
                item = run.work.send(run.predictor(item))
            return item
        except errors.StudioError as error:
            failed = error
        except torch.OutOfMemoryError:
            ran_out, failed = True, _too_large(run.request, self._manager.device)
        except Exception as error:
            log.exception("a run failed")
            failed = errors.EngineError(
                f"The picture could not be drawn: {error or type(error).__name__}. "
                "Nothing else is affected; change a setting or try again."
            )
        if ran_out and not run.retried and self._manager.be_thriftier():
            log.warning("out of memory on %s: once more, thriftily", self._manager.device)
            run.retried, run.work = True, self._work(run)
            return self._next_event(run)
        self._manager.free()
        return events.Failed(type(failed).__name__, str(failed))

    def _work(
        self, run: StableDiffusionRun
    ) -> Generator[events.Event | Ask, torch.Tensor | None, None]:
        """The whole life of a run, in the order of its events."""
        selection = self._select(run.request)
        for stage, fraction in self._manager.prepare(selection):
            yield events.Loading(stage, fraction)
            if run.cancelled:
                yield events.Cancelled(())
        with self._manager.lease(selection) as models:
            started_s = time.monotonic()
            yield events.Started()
            last = yield from self._denoise(run, models)
            if last is None:
                yield events.Cancelled(())
                return
            images, warning = self._decode(models, last.denoised if run.cancelled else last.latents)
            pictures = self._pictures(run, selection, images, warning)
            if run.cancelled:
                yield events.Cancelled(pictures)
            else:
                yield events.Finished(pictures, time.monotonic() - started_s)

    def _denoise(
        self, run: StableDiffusionRun, models: Models
    ) -> Generator[events.Event | Ask, torch.Tensor | None, Step | None]:
        """Answers with the last step that was made; None if cancelled before the first."""
        request, device = run.request, self._manager.device
        family = models.ref.family
        seeds = range(request.seed, request.seed + request.batch_size)
        sources = latents.generators(seeds)
        noise = latents.initial_noise(
            sources,
            family.latent_channels,
            request.height // family.vae_factor,
            request.width // family.vae_factor,
        )
        scheduler = schedulers.build(
            request.scheduler,
            request.noise_schedule,
            models.ref.prediction_type or "epsilon",
            seeds,
            _sampler_options(request, models.ref),
        )
        self._manager.bring(*(encoder.part for encoder in family.prompt_encoders), "vae")
        words = _condition(request, models, device)
        self._manager.bring("unet")
        run.predictor = predictors.ClassifierFreeGuidance(predictors.UNetPredictor(models.unet))
        show = preview.previewer(models.ref.path, family.preview_factors, models.tiny_vae)
        loop = denoise(noise.to(device), scheduler, request.steps, words, sources)
        clock = _Clock()
        last, answer = None, None
        while not run.cancelled:
            try:
                item = loop.send(answer)
            except StopIteration:
                return last
            if isinstance(item, Ask):
                answer = yield item
                continue
            last, answer = item, None
            yield events.Progress(last.index, last.total, clock.left_s(last))
            if run.wants_preview() and last.index < last.total:
                yield events.Preview(last.index, preview.as_jpeg(show(last.denoised)))
        return last

    def _decode(self, models: Models, clean: torch.Tensor) -> tuple[list[Image.Image], str | None]:
        """The pictures, and a word of warning to go with them, if any."""
        if not torch.isfinite(clean).all():
            raise errors.EngineError(
                "The numbers overflowed and the picture is lost. Start the studio with "
                "--dtype float32, or lower the guidance scale."
            )
        self._manager.bring("vae")
        try:
            return self._decode_at_once_or_tiled(models.vae, clean), None
        except latents.Overflow:
            return self._decode_exactly(models.vae, clean), _OVERFLOWED

    def _decode_exactly(self, vae: torch.nn.Module, clean: torch.Tensor) -> list[Image.Image]:
        """In float32, with a copy: the VAE itself stays as others know it."""
        log.warning("the VAE's numbers overflowed in %s: decoding again in float32", vae.dtype)
        try:
            return self._decode_at_once_or_tiled(copy.deepcopy(vae).float(), clean)
        except latents.Overflow:
            raise errors.EngineError(
                "The VAE makes no picture of these latents, in float32 neither: its weights are "
                "broken or those of another family. Choose another VAE."
            ) from None

    def _decode_at_once_or_tiled(
        self, vae: torch.nn.Module, clean: torch.Tensor
    ) -> list[Image.Image]:
        try:
            return latents.decode(vae, clean)
        except torch.OutOfMemoryError:
            self._manager.free()
            log.warning("not enough memory to decode at once, decoding in tiles")
            vae.enable_tiling()
            try:
                return latents.decode(vae, clean)
            finally:
                vae.disable_tiling()

    def _pictures(
        self,
        run: StableDiffusionRun,
        selection: Selection,
        images: Sequence[Image.Image],
        warning: str | None,
    ) -> tuple[events.Picture, ...]:
        request = run.request
        refs = (selection.checkpoint, selection.vae, *(use.ref for use in selection.loras))
        used = [ref for ref in (*refs, *selection.embeddings) if ref]
        hashes = {(ref.kind, ref.name): self._short_hash(ref) for ref in used}
        known = {key: digits for key, digits in hashes.items() if digits}
        return tuple(
            events.Picture(
                image=image,
                seed=request.seed + place,
                request=request,
                infotext=infotext.write(request, request.seed + place, known),
                partial=run.cancelled,
                warning=warning,
            )
            for place, image in enumerate(images)
        )


class _Clock:
    """Seconds left, from the mean of the steps since the first (which pays for warming up)."""

    def __init__(self) -> None:
        self._first: tuple[int, float] | None = None

    def left_s(self, step: Step) -> float | None:
        now_s = time.monotonic()
        if self._first is None:
            self._first = (step.index, now_s)
            return None
        first, since_s = self._first
        return (now_s - since_s) / (step.index - first) * (step.total - step.index)


def _condition(
    request: GenerationRequest, models: Models, device: torch.device
) -> conditioning.Conditioning:
    """The same words for every row of the batch; nothing is kept where the U-Net could keep it."""
    family = models.ref.family
    words = conditioning.TextModels(
        family, models.tokenizers, models.text_encoders, models.embeddings
    )
    extra = None
    if models.unet.config.in_channels > family.latent_channels:
        extra = inpainting.nothing_kept(models.vae, request.height, request.width).to(device)
    return conditioning.condition(request, words, device, extra)


def _sampler_options(request: GenerationRequest, ref: ModelRef) -> SamplerOptions:
    return SamplerOptions(
        eta=request.eta,
        s_churn=request.s_churn,
        s_tmin=request.s_tmin,
        s_tmax=request.s_tmax,
        s_noise=request.s_noise,
        zero_snr=ref.zero_snr,
        optimal_sigmas=ref.family.optimal_sigmas,
    )


def _too_large(request: GenerationRequest, device: torch.device) -> errors.OutOfMemory:
    asked = f"{request.batch_size} × {request.width}×{request.height}"
    return errors.OutOfMemory(
        f"{device} has not enough memory for {asked} pixels. "
        "Choose a smaller size or a smaller batch; the studio goes on."
    )

"""The real engine: joins models and diffusion, and turns a request into events.

A run is a generator that holds its lease while it lives: however it ends, the lease ends with it.
While others hold what it needs, it says so at each `advance`, so that they can go on. It yields
events for the world and asks for the engine; the engine answers the asks, so that those of several
runs may later be answered by one U-Net call. A run is made of passes: one, but for an outpaint that
is too large for one.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import torch
from PIL import Image

from studio.diffusion import conditioning, control, latents, predictors, preview, schedulers
from studio.diffusion.denoise import Ask, Guided, Step, denoise
from studio.diffusion.interruption import Interrupted, interrupted_when
from studio.domain import errors, events, infotext
from studio.domain.control import ControlInput
from studio.domain.refs import ModelRef, Selection
from studio.domain.request import GenerationRequest
from studio.domain.schedulers import SamplerOptions
from studio.engine import editing
from studio.engine.controlling import Controls
from studio.engine.editing import Editing
from studio.engine.maps import MapOf
from studio.engine.protocol import WantsPreview, never
from studio.engine.vae import Vae
from studio.imaging import plans
from studio.imaging.plans import Pass
from studio.residence.lease import Lease
from studio.residence.manager import ModelManager
from studio.weights.loader import Models

log = logging.getLogger(__name__)

Work = Generator[events.Event | Ask, torch.Tensor | None, None]


def _no_pictures(reference: str) -> bytes:
    raise errors.NotFound(f"{errors.shorten(reference)}: this engine was given no pictures.")


def _no_maps(unit: ControlInput, *_: object) -> Image.Image:
    raise errors.NotFound(f"{unit.preprocessor}: this engine was given no preprocessors.")


class StableDiffusionRun:
    """One request under way; see `engine.protocol.Run`."""

    def __init__(self, request: GenerationRequest, wants_preview: WantsPreview) -> None:
        self.request = request
        self.wants_preview = wants_preview
        self.done = False
        self.cancelled = False
        self.retried = False
        self.alone = False
        self.predictor: predictors.Predictor | None = None
        self.work: Work | None = None

    def cancel(self) -> None:
        self.cancelled = True


class StableDiffusionEngine:
    """Runs requests on one device.

    manager     holds the models
    select      says which of them a request needs
    short_hash  gives a model's ten digits for the infotext, None if not yet known
    read        gives the bytes of a task's picture by its reference; raises InvalidRequest or
                NotFound where it cannot
    map_of      makes the map of a ControlNet unit
    """

    def __init__(
        self,
        manager: ModelManager,
        select: Callable[[GenerationRequest], Selection],
        short_hash: Callable[[ModelRef], str | None] = lambda ref: None,
        read: Callable[[str], bytes] = _no_pictures,
        map_of: MapOf = _no_maps,
    ) -> None:
        self._manager = manager
        self._select = select
        self._short_hash = short_hash
        self._read = read
        self._map_of = map_of

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
            with torch.inference_mode(), interrupted_when(lambda run=run: run.cancelled):
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
                item = run.work.send(_answer(run, item))
            return item
        except Interrupted:
            return events.Cancelled(())
        except errors.StudioError as error:
            failed = error
        except Exception as error:
            ran_out = errors.is_out_of_memory(error)
            failed = _explained(error, run.request, self._manager.device)
        if ran_out and self._may_try_again(run):
            run.work = self._work(run)
            return self._next_event(run)
        self._manager.free()
        return events.Failed.of(failed)

    def _may_try_again(self, run: StableDiffusionRun) -> bool:
        """After `run` ran out of memory: once while nobody else holds any, once thriftily."""
        if not run.alone and self._manager.is_lent_to_others(run):
            log.warning("out of memory on %s: once more, alone", self._manager.device)
            run.alone = True
            return True
        if run.retried or not self._manager.be_thriftier():
            return False
        log.warning("out of memory on %s: once more, thriftily", self._manager.device)
        run.retried = True
        return True

    def _work(self, run: StableDiffusionRun) -> Work:
        """The whole life of a run, in the order of its events."""
        selection = self._select(run.request)
        edit = Editing(run.request, plans.plan(run.request, self._read))
        if edit.begins_with_picture and run.request.task.strength == 0:
            yield events.Started()
            yield events.Finished(self._pictures(run, selection, edit), 0.0)
            return
        with self._manager.borrow(selection, run, run.alone) as lease:
            for stage, fraction in self._manager.prepare(lease):
                yield events.Loading(stage, fraction)
                if run.cancelled:
                    yield events.Cancelled(())
            started_s = time.monotonic()
            yield events.Started()
            controls = Controls(run.request.controls, selection, self._read, self._map_of)
            warnings, drawn = yield from self._draw(run, lease, edit, controls)
            partial = run.cancelled  # from now on a cancel comes too late
            pictures = ()
            if drawn:
                pictures = self._pictures(run, selection, edit, warnings, partial)
            if partial:
                yield events.Cancelled(pictures)
            else:
                yield events.Finished(pictures, time.monotonic() - started_s)

    def _draw(
        self, run: StableDiffusionRun, lease: Lease, edit: Editing, controls: Controls
    ) -> Generator[events.Event | Ask, torch.Tensor | None, tuple[tuple[str, ...], bool]]:
        """All passes, into the canvases of `edit`. Answers with the warnings to go with them, and
        whether anything was drawn, which it was not if cancelled before the first step."""
        request, models = run.request, lease.models
        family = models.ref.family
        if models.image_encoders:
            lease.bring("image_encoder")
            canvas = edit.canvases[0] if edit.canvases else None
            controls.look(models.controlnets, models.image_encoders, canvas)
        lease.bring(*(encoder.part for encoder in family.prompt_encoders), "vae")
        vae = Vae(lease)
        takes_mask = models.unet.config.in_channels > family.latent_channels
        generators = latents.generators(_seeds(request))
        drawing = _Drawing(
            run,
            lease,
            edit,
            controls,
            editing.Setting(request.task, vae, takes_mask, generators),
            _condition(request, models, self._manager.device),
            _Clock(len(edit.passes)),
        )
        warnings, drawn = dict.fromkeys(models.warnings), False
        for number, pass_ in enumerate(edit.passes):
            try:
                last = yield from self._denoise(drawing, pass_, is_first=number == 0)
            except Interrupted:  # before its first step
                last = None
            if last is None:
                break
            images, of_vae = _decoded(drawing, pass_, last)
            warnings |= dict.fromkeys(of_vae)
            edit.paste(pass_, images)
            drawn = True
        return tuple(warnings), drawn

    def _denoise(
        self, drawing: _Drawing, pass_: Pass, is_first: bool
    ) -> Generator[events.Event | Ask, torch.Tensor | None, Step | None]:
        """Answers with the last step that was made; None if cancelled before the first."""
        run, models, request = drawing.run, drawing.lease.models, drawing.run.request
        family, generators = models.ref.family, drawing.setting.generators
        width, height = (side // family.vae_factor for side in pass_.size)
        noise = latents.initial_noise(generators, family.latent_channels, height, width)
        noise = noise.to(self._manager.device)
        start, extra_channels = editing.begin(drawing.setting, pass_, drawing.edit.canvases, noise)
        sized = conditioning.at_size(drawing.conditioning, family, pass_.size)
        sized = dataclasses.replace(sized, extra_channels=extra_channels)
        scheduler = schedulers.build(
            request.scheduler,
            request.noise_schedule,
            models.ref.prediction_type or "epsilon",
            _seeds(request) if is_first else latents.further_seeds(generators),
            _sampler_options(request, models.ref),
        )
        drawing.lease.bring("unet")
        run.predictor = predictors.ClassifierFreeGuidance(self._steered(drawing, pass_))
        show, shown = None, drawing.edit.shown(pass_)
        loop = denoise(noise, scheduler, request.steps, sized, generators, start)
        last, answer = None, None
        while not run.cancelled:
            try:
                item = loop.send(answer)
            except StopIteration:
                drawing.clock.pass_is_over()
                return last
            if isinstance(item, Ask):
                answer = yield item
                continue
            last, answer = item, None
            progress = drawing.clock.progress(last)
            yield progress
            if run.wants_preview() and progress.step < progress.total:
                show = show or _previewer(models)
                small = shown.in_place(show(last.denoised))
                yield events.Preview(progress.step, preview.as_jpeg(small, drawing.edit.profile))
        return last

    def _steered(self, drawing: _Drawing, pass_: Pass) -> predictors.Predictor:
        """The U-Net, with the request's ControlNets if it has any."""
        models = drawing.lease.models
        unet = predictors.UNetPredictor(models.unet)
        if not drawing.controls.units:
            return unet
        canvas = drawing.edit.canvases[0] if drawing.edit.canvases else None
        return control.Controlled(unet, drawing.controls.at_work(models.controlnets, pass_, canvas))

    def _pictures(
        self,
        run: StableDiffusionRun,
        selection: Selection,
        edit: Editing,
        warnings: tuple[str, ...] = (),
        partial: bool = False,
    ) -> tuple[events.Picture, ...]:
        request = run.request
        refs = (selection.checkpoint, selection.vae, *(use.ref for use in selection.loras))
        used = [ref for ref in (*refs, *selection.embeddings, *selection.controlnets) if ref]
        hashes = {(ref.kind, ref.name): self._short_hash(ref) for ref in used}
        known = {key: digits for key, digits in hashes.items() if digits}
        return tuple(
            events.Picture(
                image=image,
                seed=request.seed + place,
                request=request,
                infotext=infotext.write(request, request.seed + place, known),
                partial=partial,
                warnings=(*selection.warnings, *warnings),
                outside_mask_max_difference=edit.max_difference(image),
                profile=edit.profile,
            )
            for place in request.places
            for image in (edit.canvases[place],)
        )


@dataclass(frozen=True)
class _Drawing:
    """What the passes of one run share."""

    run: StableDiffusionRun
    lease: Lease
    edit: Editing
    controls: Controls
    setting: editing.Setting
    conditioning: conditioning.Conditioning
    clock: _Clock


class _Clock:
    """Progress over all passes, and the seconds left, from the mean of the steps since the first
    (which pays for warming up)."""

    def __init__(self, passes: int) -> None:
        self._left = passes
        self._before = 0
        self._last = events.Progress(0, 0, None)
        self._first: tuple[int, float] | None = None

    def progress(self, step: Step) -> events.Progress:
        now_s = time.monotonic()
        done, total = self._before + step.index, self._before + step.total * self._left
        eta_s = None
        if self._first is None:
            self._first = (done, now_s)
        else:
            first, since_s = self._first
            eta_s = (now_s - since_s) / (done - first) * (total - done)
        self._last = events.Progress(done, total, eta_s)
        return self._last

    def pass_is_over(self) -> None:
        """What follows are the steps of the next one."""
        self._before, self._left = self._last.step, self._left - 1


def _answer(run: StableDiffusionRun, ask: Ask) -> torch.Tensor | Guided | None:
    """None where nobody waits for it any more. A call that runs share is interrupted once all of
    them are cancelled; those that are get None in any case."""
    with suppress(Interrupted):
        return run.predictor(ask)
    return None


def _decoded(
    drawing: _Drawing, pass_: Pass, last: Step
) -> tuple[list[Image.Image], tuple[str, ...]]:
    """The pictures of a pass after its `last` step, and the warnings to go with them."""
    vae = drawing.setting.vae
    if not drawing.run.cancelled:
        with suppress(Interrupted):
            return vae.decode(last.latents)
    return vae.decode_soon(last.denoised, _previewer(drawing.lease.models), pass_.size)


def _previewer(models: Models) -> preview.Previewer:
    return preview.previewer(
        models.ref.family.preview_factors, models.preview_decoder, models.tiny_vae
    )


def _seeds(request: GenerationRequest) -> range:
    return range(request.seed, request.seed + request.batch_size)


def _condition(
    request: GenerationRequest, models: Models, device: torch.device
) -> conditioning.Conditioning:
    """The same text for every row of the batch."""
    text = conditioning.TextModels(
        models.ref.family, models.tokenizers, models.text_encoders, models.embeddings
    )
    return conditioning.condition(request, text, device)


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


def _explained(
    error: Exception, request: GenerationRequest, device: torch.device
) -> errors.StudioError:
    if errors.is_out_of_memory(error):
        return _too_large(request, device)
    log.exception("a run failed")
    return errors.EngineError(
        f"The picture could not be drawn: {error or type(error).__name__}. "
        "Nothing else is affected; change a setting or try again."
    )


def _too_large(request: GenerationRequest, device: torch.device) -> errors.OutOfMemory:
    asked = f"{request.batch_size} × {request.width}×{request.height}"
    return errors.OutOfMemory(
        f"{device} has not enough memory for {asked} pixels. "
        "Choose a smaller size or a smaller batch; the studio goes on."
    )

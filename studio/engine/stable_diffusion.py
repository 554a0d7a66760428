"""The real engine: joins models and diffusion, and turns a request into events.

A run is a generator (`work.py`) that holds its lease while it lives: however it ends, the lease
ends with it. While others hold what it needs, it says so at each `advance`, so that they can go on.
It yields events for the world and asks for the engine; the engine answers the asks, so that those
of several runs may later be answered by one U-Net call. What it draws is a recipe (`recipe.py`) of
stages, each made of passes: one, but for an outpaint that is too large for one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress

import torch
from PIL import Image

from studio.diffusion.denoise import Ask, Guided
from studio.diffusion.interruption import Interrupted, interrupted_when
from studio.domain import errors, events
from studio.domain.control import ControlInput
from studio.domain.refs import ModelRef
from studio.domain.request import GenerationRequest
from studio.engine.forecast import Forecast
from studio.engine.maps import MapOf, Read
from studio.engine.protocol import WantsPreview, never
from studio.engine.recipe import Select
from studio.engine.run import Resources, StableDiffusionRun
from studio.engine.work import work
from studio.residence.manager import ModelManager

log = logging.getLogger(__name__)


def _no_pictures(reference: str) -> bytes:
    raise errors.NotFound(f"{errors.shorten(reference)}: this engine was given no pictures.")


def _no_maps(unit: ControlInput, *_: object) -> Image.Image:
    raise errors.NotFound(f"{unit.preprocessor}: this engine was given no preprocessors.")


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
        select: Select,
        short_hash: Callable[[ModelRef], str | None] = lambda ref: None,
        read: Read = _no_pictures,
        map_of: MapOf = _no_maps,
    ) -> None:
        self._manager = manager
        forecast = Forecast(self, manager)
        self._resources = Resources(manager, select, short_hash, read, map_of, forecast)

    def warm_up(self, checkpoint: str) -> None:
        """Load `checkpoint` before anybody asks. Raises as the loader does."""
        selection = self._resources.select(GenerationRequest(checkpoint=checkpoint))
        with torch.inference_mode(), self._manager.lease(selection):
            pass

    def open(
        self, request: GenerationRequest, wants_preview: WantsPreview = never
    ) -> StableDiffusionRun:
        run = StableDiffusionRun(request, wants_preview)
        run.work = work(run, self._resources)
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
            run.work = work(run, self._resources)
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


def _answer(run: StableDiffusionRun, ask: Ask) -> torch.Tensor | Guided | None:
    """None where nobody waits for it any more. A call that runs share is interrupted once all of
    them are cancelled; those that are get None in any case."""
    with suppress(Interrupted):
        return run.predictor(ask)
    return None


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
    largest = request.second() if request.hires else request
    asked = f"{request.batch_size} × {largest.width}×{largest.height}"
    return errors.OutOfMemory(
        f"{device} has not enough memory for {asked} pixels. "
        "Choose a smaller size or a smaller batch; the studio goes on."
    )

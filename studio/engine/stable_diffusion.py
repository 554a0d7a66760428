"""The real engine: joins models and diffusion, and turns a request into events.

A run is a generator (`work.py`) that holds its lease while it lives: however it ends, the lease
ends with it. While others hold what it needs, it says so at each `advance`, so that they can go on.
It yields events for the world and asks for the driver (`driver.py`), which answers those of several
runs by one call where it can. What it draws is a recipe (`recipe.py`) of stages, each made of
passes: one, but for an outpaint that is too large for one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import torch
from PIL import Image

from studio.diffusion.execution import Eager, Execution
from studio.diffusion.interruption import Interrupted, interrupted_when
from studio.domain import errors, events
from studio.domain.control import ControlInput
from studio.domain.detailers import Detailer, Found
from studio.domain.provenance import Provenance
from studio.domain.refs import ModelRef
from studio.domain.request import GenerationRequest
from studio.engine.driver import Driver
from studio.engine.forecast import Forecast
from studio.engine.joining import Joining
from studio.engine.maps import MapOf, Read
from studio.engine.protocol import Memory, WantsPreview, never
from studio.engine.provenance import provenance
from studio.engine.recipe import Select, recipe
from studio.engine.run import Apart, Ask, Find, Predict, Resources, StableDiffusionRun, Told
from studio.engine.work import load, work
from studio.residence.manager import ModelManager

log = logging.getLogger(__name__)

Happened = tuple[StableDiffusionRun, events.Event]


def _no_pictures(reference: str) -> bytes:
    raise errors.NotFound(f"{errors.shorten(reference)}: this engine was given no pictures.")


def _no_maps(unit: ControlInput, *_: object) -> Image.Image:
    raise errors.NotFound(f"{unit.preprocessor}: this engine was given no preprocessors.")


def _no_detectors(_: Image.Image, detailer: Detailer) -> list[Found]:
    raise errors.NotFound(f"{detailer.detector}: this engine was given no detectors.")


class StableDiffusionEngine:
    """Runs requests on one device.

    manager     holds the models
    select      says which of them a request needs
    sha256      gives that of a model's file, None if not yet known
    read        gives the bytes of a task's picture by its reference; raises InvalidRequest or
                NotFound where it cannot
    map_of      makes the map of a ControlNet unit
    find        gives the things in a picture that a detailer speaks of
    together    how many runs may share their calls; None: as many as pay
    execution   how backbones are called that stay on the device; None: as they are
    """

    def __init__(
        self,
        manager: ModelManager,
        select: Select,
        sha256: Callable[[ModelRef], str | None] = lambda ref: None,
        read: Read = _no_pictures,
        map_of: MapOf = _no_maps,
        *,
        find: Find = _no_detectors,
        together: int | None = None,
        execution: Execution | None = None,
    ) -> None:
        self._manager = manager
        forecast = Forecast(self, manager)
        self._resources = Resources(
            manager, select, sha256, read, map_of, find, forecast, execution or Eager()
        )
        self._driver = Driver(manager.device)
        self._joining = Joining(manager, self._driver, select, together)

    @property
    def resources(self) -> Resources:
        """What runs draw with, for those who look how it is done, in the device's thread."""
        return self._resources

    def warm_up(self, checkpoint: str) -> None:
        """Load `checkpoint` before anybody asks. Raises as the loader does."""
        selection = self._resources.select(GenerationRequest(checkpoint=checkpoint))
        with self._manager.lease(selection):
            pass

    def open(
        self, request: GenerationRequest, wants_preview: WantsPreview = never
    ) -> StableDiffusionRun:
        run = StableDiffusionRun(request, wants_preview)
        run.work = work(run, self._resources)
        return run

    def load(self, request: GenerationRequest) -> StableDiffusionRun:
        run = StableDiffusionRun(request, never)
        run.work = load(run, self._resources)
        return run

    def joins(self, request: GenerationRequest, runs: Sequence[StableDiffusionRun]) -> bool:
        return self._joining.admits(request, runs)

    def memory(self, request: GenerationRequest) -> Memory | None:
        resources = self._resources
        return resources.forecast.known(request, recipe(request, resources.select, None))

    def provenance(self, request: GenerationRequest) -> Provenance | None:
        resources = self._resources
        stages = recipe(request, resources.select, None)
        return provenance(stages, self._manager, resources.sha256, resources.execution.alters)

    def advance(self, runs: Sequence[StableDiffusionRun]) -> list[Happened]:
        happened = []
        with torch.inference_mode():
            for run in runs:
                if run.ask is None and not run.done:
                    happened += self._go_on(run)
            asking = [run for run in runs if run.ask is not None and not run.done]
            for run, answer in self._driver.answers(asking):
                run.ask = None
                happened += self._go_on(run, answer)
        return happened

    def _go_on(self, run: StableDiffusionRun, answer: Any = None) -> list[Happened]:
        """What happens until `run` asks for something, or has told of it."""
        told = self._told(run, answer)
        run.done = any(isinstance(event, events.FINAL) for event in told)
        if run.done:
            run.work.close()
        return [(run, event) for event in told]

    def _told(self, run: StableDiffusionRun, answer: Any) -> tuple[events.Event, ...]:
        ran_out = False
        try:
            with interrupted_when(lambda: run.cancelled):
                item = _sent(run, answer)
            if isinstance(item, (Predict, Apart)):
                run.ask = item
                return ()
            return item if isinstance(item, tuple) else (item,)
        except Interrupted:
            return (events.Cancelled(()),)
        except errors.StudioError as error:
            failed = error
        except Exception as error:
            ran_out = errors.is_out_of_memory(error)
            if ran_out:
                self._resources.execution.forget()
            failed = _explained(error, run.request, self._manager.device)
        if ran_out and self._may_try_again(run):
            run.work = work(run, self._resources)
            return self._told(run, None)
        self._manager.free()
        return (events.Failed.of(failed),)

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


def _sent(run: StableDiffusionRun, answer: Any) -> Told | Ask:
    """What `run` yields next, after `answer`, which may be what an ask of it has raised."""
    if isinstance(answer, Exception):
        return run.work.throw(answer)
    return run.work.send(answer)


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

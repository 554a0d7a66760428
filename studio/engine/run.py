"""One request under way, and what the engine gives to all of them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

import torch

from studio.diffusion.denoise import Ask, Guided
from studio.diffusion.predictors import Predictor
from studio.domain.events import Event
from studio.domain.refs import ModelRef
from studio.domain.request import GenerationRequest
from studio.engine.forecast import Forecast
from studio.engine.maps import MapOf, Read
from studio.engine.protocol import Run, WantsPreview
from studio.engine.recipe import Select
from studio.residence.manager import ModelManager

Work = Generator[Event | Ask, torch.Tensor | Guided | None, None]
"""The life of a run: events for the world, and asks, which are sent their answers."""


@dataclass(frozen=True)
class Resources:
    """What runs draw with; see `StableDiffusionEngine`."""

    manager: ModelManager
    select: Select
    short_hash: Callable[[ModelRef], str | None]
    read: Read
    map_of: MapOf
    forecast: Forecast


class StableDiffusionRun:
    """See `engine.protocol.Run`.

    predictor  answers its asks
    alone      it is to hold models only while nobody else does
    trial      a small picture that tells what it takes, while that is drawn
    retried    it ran out of memory once, and is drawn again with less
    """

    def __init__(self, request: GenerationRequest, wants_preview: WantsPreview) -> None:
        self.request = request
        self.wants_preview = wants_preview
        self.done = False
        self.cancelled = False
        self.trial: Run | None = None
        self.retried = False
        self.alone = False
        self.predictor: Predictor | None = None
        self.work: Work | None = None

    def cancel(self) -> None:
        self.cancelled = True
        if (trial := self.trial) is not None:
            trial.cancel()

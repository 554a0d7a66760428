"""One request under way, what it asks for, and what the engine gives to all of them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from PIL import Image

from studio.diffusion.execution import Execution
from studio.diffusion.rows import Rows
from studio.diffusion.shared_call import Predictor
from studio.domain.detailers import Detailer, Found
from studio.domain.events import Event
from studio.domain.refs import ModelRef, Selection
from studio.domain.request import GenerationRequest
from studio.engine.forecast import Forecast
from studio.engine.maps import MapOf, Read
from studio.engine.protocol import Run, WantsPreview
from studio.engine.recipe import Select
from studio.residence.manager import ModelManager


@dataclass(frozen=True, eq=False)
class Predict:
    """Asked for: the noise_pred (R, C, h, w) of `rows`, by `backbone` (which `predictor` calls) and
    what acts beside it. Other runs may be answered by the same call. The answer is None where the
    run was cancelled meanwhile."""

    backbone: object
    predictor: Predictor
    rows: Rows


@dataclass(frozen=True, eq=False)
class Apart:
    """Asked for: what `do()` gives, work for this run alone: to read a prompt, to make a map, to
    encode or to decode a picture. What it raises is raised where it was asked for."""

    do: Callable[[], Any]


Ask = Predict | Apart

Told = Event | tuple[Event, ...]
"""What happened, for the world."""

Work = Generator[Told | Ask, Any, None]
"""The life of a run: what it tells, and what it asks for, each a unit of work, to be sent the
answer."""


Find = Callable[[Image.Image, Detailer], list[Found]]
"""Gives all the things of a picture, RGB, that a detailer speaks of, as it numbers them."""


@dataclass(frozen=True)
class Resources:
    """What runs draw with; see `StableDiffusionEngine`."""

    manager: ModelManager
    select: Select
    sha256: Callable[[ModelRef], str | None]
    read: Read
    map_of: MapOf
    find: Find
    forecast: Forecast
    execution: Execution


class StableDiffusionRun:
    """See `engine.protocol.Run`.

    ask        what it waits for; None: nothing, it can go on
    selection  of its first drawing; None: it has not begun
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
        self.ask: Ask | None = None
        self.selection: Selection | None = None
        self.work: Work | None = None

    def cancel(self) -> None:
        self.cancelled = True
        if (trial := self.trial) is not None:
            trial.cancel()

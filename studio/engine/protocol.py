"""The seam between jobs and the method: what an engine can do, and all that others may know of it.

An engine is driven by one thread. `open` is cheap and loads nothing; each `advance` does one
unit of work for every run it is given (read a part of a file, encode, one denoise step, decode a
picture) and returns at once with what happened, which may be nothing yet. The steps of runs that
are alike enough are made by one call. A cancel, which alone may come from another thread, takes
effect within such a unit; where the unit is shared the others go on.

Several runs may be under way, advanced together or in turn, in any order: each draws what it would
draw alone. One that needs what others hold returns `Loading` with the stage "waiting for …", and
goes on once those are done or closed, so whoever drives it must drive those too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from studio.domain.errors import OutOfMemory
from studio.domain.events import Event
from studio.domain.provenance import Provenance
from studio.domain.request import GenerationRequest

WantsPreview = Callable[[], bool]
"""Asked before a preview would be decoded; False saves the work."""


def never() -> bool:
    """A `WantsPreview` for callers who only want the result."""
    return False


@dataclass(frozen=True)
class Memory:
    """What a request takes on the device, in bytes, and the error where that is too much even if
    nothing else is drawn."""

    needed_bytes: int
    refusal: OutOfMemory | None


class Run(Protocol):
    """One settled request under way."""

    request: GenerationRequest

    @property
    def done(self) -> bool:
        """True once Finished, Failed or Cancelled was returned. Everything is given back then."""
        ...

    def cancel(self) -> None:
        """End the present `advance` early, or else the next, with what there is. From any thread;
        harmless when done."""
        ...


class Engine(Protocol):
    def open(self, request: GenerationRequest, wants_preview: WantsPreview = never) -> Run:
        """Begin `request`, which must be settled."""
        ...

    def load(self, request: GenerationRequest) -> Run:
        """Begin to bring into memory what `request`, which names a checkpoint, is drawn with first,
        and draw nothing: its pictures are none."""
        ...

    def joins(self, request: GenerationRequest, runs: Sequence[Run]) -> bool:
        """Would it pay to open `request` beside `runs`, which are under way, rather than after
        them? Asked before each advance while a job waits, so it must be quick."""
        ...

    def memory(self, request: GenerationRequest) -> Memory | None:
        """What is known of it for `request`, which is settled; None: nothing. From any thread; it
        loads nothing and waits for nobody."""
        ...

    def provenance(self, request: GenerationRequest) -> Provenance | None:
        """What `request`, which is settled, would be drawn with now; None: that is not known. From
        any thread; loads nothing. Raises `InvalidRequest` where a model is not there."""
        ...

    def advance(self, runs: Sequence[Run]) -> list[tuple[Run, Event]]:
        """One unit of work for each run, and all that came of it. Never raises for what a run does
        wrong: it fails."""
        ...


def ended(engine: Engine, request: GenerationRequest, wants_preview: WantsPreview = never) -> Event:
    """The last event of `request`, drawn while nothing else is."""
    run = engine.open(request, wants_preview)
    while not run.done:
        happened = engine.advance([run])
    return happened[-1][1]

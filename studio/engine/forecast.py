"""What a drawing will take in memory, so that one which cannot be is refused before it is begun.

A picture is drawn twice, very small, by two steps each: what the larger one takes more is what
pixels take, and that grows with them. This is done once for each checkpoint, when it first is to
draw something larger than it was made for, and costs less than one step of that.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Hashable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Protocol

from studio.domain import events
from studio.domain.errors import OutOfMemory
from studio.domain.geometry import CELL, Size
from studio.domain.refs import Selection
from studio.domain.request import GenerationRequest
from studio.engine.protocol import Engine, Memory, Run
from studio.engine.recipe import Draw, Redraw, Stage
from studio.residence.manager import ModelManager
from studio.residence.memory import GIB
from studio.residence.metering import Meter

_SAMPLER = "Euler"
_SIDES = 64, 128
"""The small pictures' least sides, in pixels."""


@dataclass(frozen=True)
class Appetite:
    """Bytes for each pixel of a picture: `step` in a step of the denoise loop, where the pictures
    of a batch are drawn together, `decode` in the VAE, which makes one at a time."""

    step: float
    decode: float

    def of(self, rows: int, size: Size) -> int:
        """Bytes that `rows` pictures of `size` take at once."""
        return round(max(self.step * rows, self.decode) * math.prod(size))

    def largest(self, rows: int, room_bytes: int) -> float:
        """Pixels of each of `rows` pictures for which there is room."""
        return max(room_bytes, 0) / max(self.step * rows, self.decode)


class Owner(Protocol):
    """The run that is to draw; `trial` is a small picture that is drawn for it: cancelled with
    it."""

    cancelled: bool
    trial: Run | None


class Forecast:
    """What the drawings of `engine` take, who borrows of `manager`; what ControlNet units take on
    top is not known to it."""

    def __init__(self, engine: Engine, manager: ModelManager) -> None:
        self._engine, self._manager = engine, manager
        self._known: dict[Hashable, Appetite] = {}

    def check(
        self, owner: Owner, request: GenerationRequest, stages: Sequence[Stage]
    ) -> Iterator[events.Loading]:
        """See that there is memory for each of `stages`, of `request`, whose models are borrowed
        for `owner` meanwhile; ends early once that is cancelled. Raises `OutOfMemory` with the
        field and what there is room for, and as `ModelManager.prepare` does."""
        for draw, asked, is_second in _asked(request, stages):
            if asked.batch_size * math.prod(_size(draw)) <= _native(draw.selection):
                continue
            refiners = (draw.refiner.selection,) if draw.refiner else ()
            for selection in (draw.selection, *refiners):
                appetite = yield from self._measured(owner, draw, selection)
                if owner.cancelled:
                    return
                if appetite is None:
                    continue
                with self._manager.borrow(selection, owner) as lease:
                    for stage, fraction in self._manager.prepare(lease):
                        yield events.Loading(stage, fraction)
                    needed = appetite.of(asked.batch_size, _size(draw))
                    room = self._manager.room(needed)
                if needed > room:
                    raise _refusal(asked, appetite, _size(draw), room, is_second)

    def known(self, request: GenerationRequest, stages: Sequence[Stage]) -> Memory | None:
        """What is known of the drawings among `stages`, of `request`. From any thread; nothing is
        measured for it. Refused is what does not fit even if nothing else is drawn."""
        needed, refusal = 0, None
        for draw, asked, is_second in _asked(request, stages):
            appetite = self._known.get(_key(draw, draw.selection))
            if appetite is None:
                continue
            takes = appetite.of(asked.batch_size, _size(draw))
            needed = max(needed, takes)
            if asked.batch_size * math.prod(_size(draw)) <= _native(draw.selection):
                continue
            room = self._manager.most_room()
            if takes > room:
                refusal = refusal or _refusal(asked, appetite, _size(draw), room, is_second)
        return Memory(needed, refusal) if needed else None

    def _measured(
        self, owner: Owner, draw: Draw, selection: Selection
    ) -> Generator[events.Loading, None, Appetite | None]:
        """None where the small pictures cannot be drawn: why will be told by the large one."""
        key = _key(draw, selection)
        if key not in self._known:
            peaks, sides = [], _sides(selection)
            for side in sides:
                request = GenerationRequest(
                    checkpoint=selection.checkpoint.name,
                    vae=selection.vae.name if selection.vae else None,
                    scheduler=_SAMPLER,
                    steps=2,  # the first one's peak may be that of the text encoders
                    guidance_scale=draw.sampling.guidance_scale,
                    width=side,
                    height=side,
                    seed=0,
                )
                peak = yield from self._drawn(owner, request)
                if peak is None:
                    return None
                peaks.append(peak)
            more = sides[1] ** 2 - sides[0] ** 2
            step, decode = ((large - small) / more for small, large in zip(*peaks, strict=True))
            # Elsewhere the VAE does in tiles what it cannot do at once.
            counts = self._manager.device.type == "cpu"
            self._known[key] = Appetite(max(step, 0), max(decode, 0) if counts else 0)
        return self._known[key]

    def _drawn(
        self, owner: Owner, request: GenerationRequest
    ) -> Generator[events.Loading, None, tuple[int, int] | None]:
        """The most bytes that were in use at once in the last step and in the VAE; None if it
        failed."""
        owner.trial = run = self._engine.open(request)
        if owner.cancelled:
            run.cancel()
        meter, step, is_at_work = Meter(self._manager.device), 0, False
        while not run.done:
            with meter.counting() if is_at_work else nullcontext():
                happened = self._engine.advance([run])
            for _, event in happened:
                is_at_work = is_at_work or isinstance(event, events.Started)
                if isinstance(event, events.Loading):
                    yield event
                elif isinstance(event, events.Progress):
                    step = meter.take()
        owner.trial = None
        return (step, meter.take()) if isinstance(event, events.Finished) else None


def _asked(
    request: GenerationRequest, stages: Sequence[Stage]
) -> list[tuple[Draw, GenerationRequest, bool]]:
    """Each drawing among `stages`, the request that it is of (things that are drawn once more are
    drawn one at a time), and whether it is that of the hires part."""
    draws = [stage for stage in stages if isinstance(stage, Draw)]
    alone = request.model_copy(update={"batch_size": 1, "batch_place": None})
    asked = [(draw, request, request.hires is not None and draw is draws[-1]) for draw in draws]
    redraws = (stage for stage in stages if isinstance(stage, Redraw))
    return asked + [(stage.draw, alone, False) for stage in redraws]


def _key(draw: Draw, selection: Selection) -> Hashable:
    return selection.checkpoint, selection.vae, draw.sampling.guidance_scale > 1


def _size(draw: Draw) -> Size:
    """Of its largest pass."""
    return max((pass_.size for pass_ in draw.passes), key=math.prod)


def _native(selection: Selection) -> int:
    return math.prod(selection.checkpoint.family.native_size)


def _sides(selection: Selection) -> tuple[int, int]:
    """An eighth and a fourth of what the family was made for: in proportion as costly."""
    native = min(selection.checkpoint.family.native_size)
    return max(native // 8, _SIDES[0]), max(native // 4, _SIDES[1])


def _refusal(
    request: GenerationRequest, appetite: Appetite, size: Size, room: int, is_second: bool
) -> OutOfMemory:
    rows = request.batch_size
    largest = appetite.largest(rows, room) + 0.5  # bytes are whole numbers
    hires, field, fits = request.hires, "width", []
    if is_second:
        by_factor = hires.width is None and hires.height is None
        field = "hires.factor" if by_factor else "hires.width" if hires.width else "hires.height"
        factor = math.floor(math.sqrt(largest / (request.width * request.height)) * 20) / 20
        if by_factor and factor >= 1:
            fits = [f"a factor of at most {factor:g}"]
    scale = math.sqrt(largest / math.prod(size))
    width, height = (int(side * scale) // CELL * CELL for side in size)
    if not fits and min(width, height) >= 8 * CELL:
        fits = [f"at most {width}×{height}"]
    smaller = next((n for n in range(rows - 1, 0, -1) if appetite.of(n, size) <= room), None)
    if smaller:
        fits.append(f"a batch of {smaller}")
    needed, there = appetite.of(rows, size) / GIB, max(room, 0) / GIB
    return OutOfMemory(
        f"{rows} × {size[0]}×{size[1]} pixels take {needed:.2g} GiB of memory to draw, and there "
        f"are {there:.2g} GiB. "
        + (f"Choose {', or '.join(fits)}." if fits else "Close other programs that use it."),
        field,
    )

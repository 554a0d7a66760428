"""A `Redraw` of a recipe at work: things are looked for in each picture, and drawn once more one
after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PIL import Image

from studio.domain.detailers import (
    MOST_THINGS,
    Detail,
    Detailer,
    Found,
    drawn,
    nothing_found,
    too_many,
)
from studio.domain.errors import about
from studio.domain.geometry import Box
from studio.engine.borrowed import Borrowed
from studio.engine.clock import Clock
from studio.engine.drawing import Drawing
from studio.engine.editing import Editing
from studio.engine.recipe import Redraw
from studio.engine.run import Apart, Resources, StableDiffusionRun, Work
from studio.imaging import difference, plans


class Details:
    """What has become of the pictures of a run since its detailers began: `before` they did, of
    each place in the batch what was drawn once more, and what is to be said of it."""

    def __init__(self, canvases: Sequence[Image.Image]) -> None:
        self.before = list(canvases)
        self.drawn: dict[int, list[Detail]] = {}
        self.warnings: dict[int, list[str]] = {}

    def of(self, place: int) -> tuple[Detail, ...]:
        return tuple(self.drawn.get(place, ()))

    def max_difference(self, place: int, now: Image.Image) -> int:
        """The largest change of a channel outside the areas of the details."""
        mask = Image.new("L", now.size)
        for detail in self.of(place):
            mask.paste(255, detail.area)
        return difference.max_outside(self.before[place], now, mask)


class Detailing:
    """`stage` of `run`, over the pictures of `edit`; what comes of it goes to `details` as well."""

    def __init__(
        self,
        stage: Redraw,
        run: StableDiffusionRun,
        edit: Editing,
        resources: Resources,
        *,
        borrowed: Borrowed,
        clock: Clock,
        details: Details,
    ) -> None:
        self._stage, self._run, self._edit, self._resources = stage, run, edit, resources
        self._borrowed, self._clock, self._details = borrowed, clock, details

    def work(self) -> Work:
        """All of it, until the run is cancelled: then with the things that are done."""
        for place in self._run.request.places:
            if self._run.cancelled:
                return
            found = yield Apart(lambda place=place: self._found(self._edit.canvases[place]))
            detailer = self._stage.detailer
            things = drawn(found, detailer)
            told = self._details.warnings.setdefault(place, [])
            if not things:
                told.append(nothing_found(detailer))
            elif len(found) > MOST_THINGS and not detailer.count and not detailer.only:
                told.append(too_many(detailer, len(found)))
            self._clock.more(self._stage.draw, len(things))
            for number, thing in things.items():
                if self._run.cancelled:
                    return
                yield from self._draw(place, number, thing)

    def _found(self, canvas: Image.Image) -> list[Found]:
        with about(f"detailers.{self._stage.place}"):
            return self._resources.find(canvas, self._stage.detailer)

    def _draw(self, place: int, number: int, thing: Found) -> Work:
        detailer, edit = self._stage.detailer, self._edit
        request = self._run.request.detail(detailer, place, number)
        size = request.width, request.height
        plan = plans.detail(edit.canvases[place], thing, detailer, size, edit.profile)
        if plan is None:
            self._clock.pass_is_over()
            self._details.warnings[place].append(_shrunk(thing, detailer))
            return
        request = request.model_copy(update={"task": plans.of_detail(detailer)})
        alone = Editing(request, plan)
        drawing = Drawing(
            replace(self._stage.draw, passes=plan.passes),
            self._run,
            alone,
            self._resources,
            borrowed=self._borrowed,
            clock=self._clock,
        )
        yield from drawing.work()
        if self._run.cancelled:  # a thing that is half drawn is left as it was
            return
        edit.put(place, alone.canvases[0])
        self._details.warnings[place] += drawing.warnings
        area = Box(*plan.mask.getbbox())
        self._details.drawn.setdefault(place, []).append(
            Detail(
                self._stage.place,
                number,
                detailer.detector,
                thing.label,
                round(thing.score, 4),
                thing.box,
                area,
            )
        )


def _shrunk(thing: Found, detailer: Detailer) -> str:
    return (
        f"Of {thing.label} nothing was left to draw once its mask was shrunk by "
        f"{-detailer.mask_grow} pixels. Shrink it less."
    )

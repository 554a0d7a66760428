"""The life of a run: the stages of its recipe, one after the other, and the pictures at the end."""

from __future__ import annotations

from collections.abc import Sequence

from studio.domain import events
from studio.domain.request import GenerationRequest
from studio.engine import results
from studio.engine.borrowed import Borrowed
from studio.engine.clock import Clock
from studio.engine.detailing import Detailing, Details
from studio.engine.drawing import Drawing
from studio.engine.editing import Editing
from studio.engine.enlarging import Enlarging
from studio.engine.provenance import selections
from studio.engine.recipe import Draw, Redraw, Stage, Upscale, draws, recipe
from studio.engine.results import Done
from studio.engine.run import Resources, StableDiffusionRun, Work
from studio.engine.word_maps import WordMaps
from studio.imaging import plans


def work(run: StableDiffusionRun, resources: Resources) -> Work:
    """All of it, in the order of its events."""
    plan = plans.plan(run.request, resources.read)
    stages = recipe(run.request, resources.select, plan)
    run.selection = next((each.selection for each in draws(stages)), None)
    edit = Editing(run.request, plan)
    warnings = dict.fromkeys(text for each in selections(stages) for text in each.warnings)
    to_do = [stage for stage in stages if not _changes_nothing(stage)]
    yield from resources.forecast.check(run, run.request, to_do)
    clock = Clock(to_do)
    seen = _seen(run.request, to_do)
    words = seen and WordMaps(run.request.prompt, run.request.batch_size)
    details: Details | None = None
    with Borrowed(run, resources.manager) as borrowed:
        for number, stage in enumerate(to_do):
            if isinstance(stage, Redraw):
                details = details or Details(edit.canvases)
                at_hand = {"borrowed": borrowed, "clock": clock, "details": details}
                yield from Detailing(stage, run, edit, resources, **at_hand).work()
                clock.stage_is_over()
                if run.cancelled:
                    break
                continue
            if isinstance(stage, Upscale):
                enlarging = Enlarging(stage, run, edit, resources, clock=clock)
                yield from enlarging.work()
                clock.stage_is_over()
                if run.cancelled:
                    break
                continue
            after = [later for later in to_do[number + 1 :] if isinstance(later, Draw)]
            drawing = Drawing(
                stage,
                run,
                edit,
                resources,
                borrowed=borrowed,
                clock=clock,
                keeps_latents=bool(after) and after[0].begins == "latents",
                words=words if stage is seen else None,
            )
            yield from drawing.work()
            clock.stage_is_over()
            warnings |= drawing.warnings
            if run.cancelled:
                break
        if not clock.has_begun and not run.cancelled:
            yield events.Started()
        partial = run.cancelled  # from now on a cancel comes too late
        pictures = ()
        if edit.is_drawn or not partial:
            done = Done(stages, edit, words, details, tuple(warnings))
            pictures = results.pictures(run.request, resources, done, partial=partial)
        if partial:
            yield events.Cancelled(pictures)
        else:
            yield events.Finished(pictures, clock.elapsed_s)


def load(run: StableDiffusionRun, resources: Resources) -> Work:
    """Its models into memory, and no more."""
    with Borrowed(run, resources.manager) as borrowed:
        for loading in borrowed.take(resources.select(run.request)):
            if run.cancelled:
                yield events.Cancelled(())
                return
            yield loading
    yield events.Finished((), 0.0)


def _changes_nothing(stage: Stage) -> bool:
    if isinstance(stage, Redraw):
        return stage.draw.strength == 0
    return isinstance(stage, Draw) and stage.strength == 0 and stage.begins == "pixels"


def _seen(request: GenerationRequest, stages: Sequence[Stage]) -> Draw | None:
    """In which drawing it is looked at where the words act: the last one of the request's own
    prompt, whose words can be pointed at."""
    draws = [stage for stage in stages if isinstance(stage, Draw)]
    own = [draw for draw in draws if draw.prompt == request.prompt and draw.strength > 0]
    return own[-1] if request.attention_maps and own else None

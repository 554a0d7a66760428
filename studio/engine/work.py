"""The life of a run: the stages of its recipe, one after the other, and the pictures at the end."""

from __future__ import annotations

import time

from studio.domain import events, infotext
from studio.domain.refs import Selection
from studio.engine.clock import Clock
from studio.engine.controlling import Controls
from studio.engine.drawing import Drawing
from studio.engine.editing import Editing
from studio.engine.recipe import recipe
from studio.engine.run import Resources, StableDiffusionRun, Work
from studio.imaging import plans


def work(run: StableDiffusionRun, resources: Resources) -> Work:
    """All of it, in the order of its events."""
    request, manager = run.request, resources.manager
    plan = plans.plan(request, resources.read)
    [draw] = recipe(request, resources.select, plan)
    edit = Editing(request, plan)
    if draw.strength == 0:
        yield events.Started()
        yield events.Finished(_pictures(run, resources, draw.selection, edit), 0.0)
        return
    with manager.borrow(draw.selection, run, run.alone) as lease:
        for stage, fraction in manager.prepare(lease):
            yield events.Loading(stage, fraction)
            if run.cancelled:
                yield events.Cancelled(())
        started_s = time.monotonic()
        yield events.Started()
        controls = Controls(request.controls, draw.selection, resources.read, resources.map_of)
        clock = Clock(len(draw.passes))
        drawing = Drawing(draw, run, lease, edit, controls, clock=clock, device=manager.device)
        warnings, drawn = yield from drawing.passes()
        partial = run.cancelled  # from now on a cancel comes too late
        pictures = ()
        if drawn:
            pictures = _pictures(run, resources, draw.selection, edit, warnings, partial)
        if partial:
            yield events.Cancelled(pictures)
        else:
            yield events.Finished(pictures, time.monotonic() - started_s)


def _pictures(
    run: StableDiffusionRun,
    resources: Resources,
    selection: Selection,
    edit: Editing,
    warnings: tuple[str, ...] = (),
    partial: bool = False,
) -> tuple[events.Picture, ...]:
    request = run.request
    refs = (selection.checkpoint, selection.vae, *(use.ref for use in selection.loras))
    used = [ref for ref in (*refs, *selection.embeddings, *selection.controlnets) if ref]
    hashes = {(ref.kind, ref.name): resources.short_hash(ref) for ref in used}
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

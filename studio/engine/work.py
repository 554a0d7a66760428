"""The life of a run: the stages of its recipe, one after the other, and the pictures at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from studio.domain import events, infotext
from studio.domain.refs import ModelRef, Selection
from studio.domain.request import GenerationRequest
from studio.engine.borrowed import Borrowed
from studio.engine.clock import Clock
from studio.engine.drawing import Drawing
from studio.engine.editing import Editing
from studio.engine.enlarging import Enlarging
from studio.engine.provenance import provenance, selections
from studio.engine.recipe import Draw, Stage, Upscale, recipe
from studio.engine.run import Resources, StableDiffusionRun, Work
from studio.engine.word_maps import WordMaps
from studio.imaging import plans

_DIGITS = 10
"""So many digits of a hash stand in the infotext."""


def work(run: StableDiffusionRun, resources: Resources) -> Work:
    """All of it, in the order of its events."""
    plan = plans.plan(run.request, resources.read)
    stages = recipe(run.request, resources.select, plan)
    run.selection = next((each.selection for each in stages if isinstance(each, Draw)), None)
    edit = Editing(run.request, plan)
    warnings = dict.fromkeys(text for each in selections(stages) for text in each.warnings)
    to_do = [stage for stage in stages if not _changes_nothing(stage)]
    yield from resources.forecast.check(run, run.request, to_do)
    clock = Clock(to_do)
    seen = _seen(run.request, to_do)
    words = seen and WordMaps(run.request.prompt, run.request.batch_size)
    with Borrowed(run, resources.manager) as borrowed:
        for number, stage in enumerate(to_do):
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
            pictures = _pictures(run, resources, stages, edit, words, warnings, partial=partial)
        if partial:
            yield events.Cancelled(pictures)
        else:
            yield events.Finished(pictures, clock.elapsed_s)


def _changes_nothing(stage: Stage) -> bool:
    return isinstance(stage, Draw) and stage.strength == 0 and stage.begins == "pixels"


def _seen(request: GenerationRequest, stages: Sequence[Stage]) -> Draw | None:
    """In which drawing it is looked at where the words act: the last one of the request's own
    prompt, whose words can be pointed at."""
    draws = [stage for stage in stages if isinstance(stage, Draw)]
    own = [draw for draw in draws if draw.prompt == request.prompt and draw.strength > 0]
    return own[-1] if request.attention_maps and own else None


def _pictures(
    run: StableDiffusionRun,
    resources: Resources,
    stages: Sequence[Stage],
    edit: Editing,
    words: WordMaps | None,
    warnings: Mapping[str, None],
    *,
    partial: bool,
) -> tuple[events.Picture, ...]:
    request = run.request
    refs = (ref for selection in selections(stages) for ref in _named(selection))
    hashes = {(ref.kind, ref.name): resources.sha256(ref) for ref in refs}
    known = {key: digits[:_DIGITS] for key, digits in hashes.items() if digits}
    made_with = provenance(stages, resources.manager, resources.sha256)
    return tuple(
        events.Picture(
            image=image,
            seed=request.seed_at(place),
            place=place,
            request=request,
            infotext=infotext.write(request, place, known),
            partial=partial,
            warnings=tuple(warnings),
            outside_mask_max_difference=edit.max_difference(image),
            profile=edit.profile,
            words=words.of(place) if words else (),
            provenance=made_with,
        )
        for place in request.places
        for image in (edit.canvases[place],)
    )


def _named(selection: Selection) -> tuple[ModelRef, ...]:
    """What stands with its hash in the infotext."""
    vae = (selection.vae,) if selection.vae else ()
    loras = (use.ref for use in selection.loras)
    return (selection.checkpoint, *vae, *loras, *selection.embeddings, *selection.controlnets)

"""What comes of a run: its pictures, with all that is told of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from studio.domain import infotext, tasks
from studio.domain.events import Picture
from studio.domain.refs import ModelRef, Selection
from studio.domain.request import GenerationRequest
from studio.engine.detailing import Details
from studio.engine.editing import Editing
from studio.engine.provenance import provenance, selections
from studio.engine.recipe import Stage
from studio.engine.run import Resources
from studio.engine.word_maps import WordMaps

_DIGITS = 10
"""So many digits of a hash stand in the infotext."""


@dataclass(frozen=True, eq=False)
class Done:
    """What a run has done: `stages`, into the canvases of `edit`. `words` knows where the prompt's
    acted, `details` what was drawn once more; None: nobody looked for that."""

    stages: Sequence[Stage]
    edit: Editing
    words: WordMaps | None
    details: Details | None
    warnings: tuple[str, ...]


def pictures(
    request: GenerationRequest, resources: Resources, done: Done, *, partial: bool
) -> tuple[Picture, ...]:
    """Those of `request`; `partial` where it was not drawn to its end."""
    refs = (ref for selection in selections(done.stages) for ref in _named(selection))
    hashes = {(ref.kind, ref.name): resources.sha256(ref) for ref in refs}
    known = {key: digits[:_DIGITS] for key, digits in hashes.items() if digits}
    alters = resources.execution.alters
    made_with = provenance(done.stages, resources.manager, resources.sha256, alters)
    edit, words = done.edit, done.words

    def picture(place: int) -> Picture:
        image = edit.canvases[place]
        whole = Picture(
            image=image,
            seed=request.seed_at(place),
            place=place,
            request=request,
            infotext=infotext.write(request, place, known),
            partial=partial,
            warnings=done.warnings,
            outside_mask_max_difference=edit.max_difference(image),
            profile=edit.profile,
            words=words.of(place) if words else (),
            provenance=made_with,
            source=edit.begun_with,
        )
        return _detailed(whole, done, known) if done.details else whole

    return tuple(map(picture, request.places))


def _detailed(picture: Picture, done: Done, known: infotext.Hashes) -> Picture:
    """`picture` with its details, and what it was before them; where nothing was found, with the
    reason alone."""
    place, request, details = picture.place, picture.request, done.details
    told = (*picture.warnings, *dict.fromkeys(details.warnings.get(place, ())))
    drawn, was, before = details.of(place), details.before[place], None
    if not drawn:
        return replace(picture, warnings=told)
    if not isinstance(request.task, tasks.Details):
        bare = request.before_details()
        text = infotext.write(bare, place, known)
        difference = done.edit.max_difference(was)
        before = replace(picture, image=was, request=bare, infotext=text, partial=False)
        before = replace(before, outside_mask_max_difference=difference)
    return replace(
        picture,
        warnings=told,
        details=drawn,
        before=before,
        outside_mask_max_difference=details.max_difference(place, picture.image),
    )


def _named(selection: Selection) -> tuple[ModelRef, ...]:
    """What stands with its hash in the infotext."""
    vae = (selection.vae,) if selection.vae else ()
    loras = (use.ref for use in selection.loras)
    return (selection.checkpoint, *vae, *loras, *selection.embeddings, *selection.controlnets)

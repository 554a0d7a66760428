"""A settled request as the stages that it is drawn in, one after the other: data, without torch.

A picture is one `Draw`. A second, larger drawing is `Draw, Upscale, Draw`, an enlarged picture
`Upscale`, a refined one `Upscale, Draw`. Each detailer is a `Redraw` at the end. A refiner goes on
within the last drawing of the whole, so that its sampler knows what went before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from studio.domain import tasks
from studio.domain.control import ControlInput
from studio.domain.detailers import Detailer
from studio.domain.geometry import Box, Size
from studio.domain.prompt_schedule import FIRST, Begun, after
from studio.domain.refs import ModelRef, Selection
from studio.domain.request import GenerationRequest
from studio.domain.sampling import Sampling
from studio.domain.stages import LATENT_UPSCALERS
from studio.imaging.passes import Pass
from studio.imaging.plans import Plan

Select = Callable[[GenerationRequest], Selection]
"""Says which models a request needs."""


@dataclass(frozen=True)
class Refiner:
    """Other models that draw the rest of each pass.

    selection, controls  as of a `Draw`
    switch_at            the share of its U-Net calls after which they take over, above 0, below 1
    """

    selection: Selection
    controls: tuple[ControlInput, ...]
    switch_at: float


@dataclass(frozen=True, eq=False)
class Draw:
    """One drawing, of as many pictures as the request asks for.

    selection                the models
    prompt, negative_prompt  what they are told
    sampling                 how noise becomes a picture
    begun                    what the steps in a prompt's schedule count besides those of this one
    strength                 share of the steps that is gone through, 0 to 1: so much noise is added
                             to what it begins with; 1 where that is noise alone, 0 adds none
    size                     (width, height) of the picture that is drawn, in pixels
    begins                   with noise alone, or with what the stage before left or the request
                             brings: latents, or pixels
    passes                   the runs of the denoise loop, each over a part of the canvas
    controls                 the ControlNet units
    """

    selection: Selection
    prompt: str
    negative_prompt: str
    sampling: Sampling
    strength: float
    size: Size
    begins: Literal["noise", "latents", "pixels"]
    passes: tuple[Pass, ...]
    controls: tuple[ControlInput, ...] = ()
    refiner: Refiner | None = None
    begun: Begun = FIRST

    @property
    def steps(self) -> int:
        """Those that a pass goes through; some samplers call the U-Net more than once in each."""
        return max(1, int(self.sampling.steps * self.strength))


@dataclass(frozen=True)
class Way:
    """How a picture is enlarged: by one of `stages.UPSCALERS`, or by the network that is called so.
    `share` is how much of what comes of it shows in the end."""

    upscaler: str
    network: ModelRef | None = None
    share: float = 1.0


@dataclass(frozen=True)
class Upscale:
    """What was drawn, or what the request brings, becomes `size`, (width, height) in pixels, in
    one or two `ways` that are mixed; what does not fit its shape is cut off evenly."""

    ways: tuple[Way, ...]
    size: Size


@dataclass(frozen=True, eq=False)
class Redraw:
    """What `detailer`, at this `place` of the request's, finds in a picture is drawn once more, one
    thing after the other: each as `draw`, but for its one pass, which is known once it is found."""

    place: int
    detailer: Detailer
    draw: Draw


Stage = Draw | Upscale | Redraw


def recipe(request: GenerationRequest, select: Select, plan: Plan | None) -> tuple[Stage, ...]:
    """The stages of `request`, which is settled; `plan` is that of its task (`plans.plan`), None
    where it begins with no picture. Raises as `select` does."""
    of_picture = () if isinstance(request.task, tasks.Details) else _whole(request, select, plan)
    return *of_picture, *_redraws(request, select)


def draws(stages: Sequence[Stage]) -> list[Draw]:
    """The drawings among `stages`: of a `Redraw` that of each thing."""
    found = (stage.draw if isinstance(stage, Redraw) else stage for stage in stages)
    return [each for each in found if isinstance(each, Draw)]


def _redraws(request: GenerationRequest, select: Select) -> tuple[Redraw, ...]:
    stages = []
    for place, detailer in request.active_detailers.items():
        asked = request.detail(detailer, 0, 0)
        draw = replace(
            _drawing(asked, select(asked), ()), strength=detailer.strength, begins="pixels"
        )
        stages.append(Redraw(place, detailer, draw))
    return tuple(stages)


def _whole(request: GenerationRequest, select: Select, plan: Plan | None) -> tuple[Stage, ...]:
    """Those of the picture that detailers are run over."""
    request = request.as_told()
    task, selection = request.task, select(request)
    networks = {ref.name: ref for ref in selection.upscalers}
    first = _drawing(request, selection, request.controls)
    if plan:
        first = replace(first, begins="pixels", passes=plan.passes)
    if not isinstance(task, tasks.TextToImage):
        first = replace(first, strength=task.strength)
    if isinstance(task, tasks.Upscale):
        larger = (Upscale(_ways(task, networks), plan.size),) if plan else ()
        return (*larger, _refined(first, request, select)) if task.refine else larger
    if request.hires is None:
        return (_refined(first, request, select),)
    larger, upscaler = request.second(), request.hires.upscaler
    second = replace(
        _drawing(larger, *_following(first.selection, larger, select)),
        strength=request.hires.strength,
        begins="latents" if upscaler in LATENT_UPSCALERS else "pixels",
        begun=after(first.steps),
    )
    way = Way(upscaler, networks.get(upscaler))
    return first, Upscale((way,), second.size), _refined(second, larger, select)


def _ways(task: tasks.Upscale, networks: Mapping[str, ModelRef]) -> tuple[Way, ...]:
    """Those that show."""
    second = task.upscaler_2_visibility if task.upscaler_2 else 0.0
    shares = (task.upscaler, 1 - second), (task.upscaler_2, second)
    return tuple(Way(name, networks.get(name), share) for name, share in shares if share)


def whole(size: Size) -> Pass:
    """The one pass over a picture of which nothing is kept."""
    return Pass(size, Box(0, 0, *size))


def _drawing(
    request: GenerationRequest, selection: Selection, controls: tuple[ControlInput, ...]
) -> Draw:
    size = request.width, request.height
    return Draw(
        selection=selection,
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        sampling=request.sampling,
        strength=1.0,
        size=size,
        begins="noise",
        passes=(whole(size),),
        controls=controls,
    )


def _refined(draw: Draw, request: GenerationRequest, select: Select) -> Draw:
    """`draw`, the last one of `request`, with its refiner if it has one to speak of."""
    refiner = request.refiner
    if refiner is None or refiner.switch_at == 1:
        return draw
    asked = request.model_copy(update={"checkpoint": refiner.checkpoint})
    selection, controls = _following(draw.selection, asked, select)
    if refiner.switch_at == 0:
        return replace(draw, selection=selection, controls=controls)
    return replace(draw, refiner=Refiner(selection, controls, refiner.switch_at))


def _following(
    before: Selection, request: GenerationRequest, select: Select
) -> tuple[Selection, tuple[ControlInput, ...]]:
    """The models of `request`, which goes on where those of `before` ended, and its ControlNet
    units. What was made for the family of `before` does not fit another, as the SDXL refiner: LoRAs
    and ControlNets are left out then."""
    selection = select(request.model_copy(update={"loras": (), "controls": ()}))
    checkpoint, family = selection.checkpoint, before.checkpoint.family
    if checkpoint.family == family:
        return select(request), request.controls
    left = [lora.name for lora in request.loras] + [unit.controlnet for unit in request.controls]
    if left:
        names = ", ".join(dict.fromkeys(left))
        warning = (
            f"{checkpoint.name} is {checkpoint.family.name} and draws without what was made for "
            f"{family.name}: {names}."
        )
        selection = replace(selection, warnings=(*selection.warnings, warning))
    return selection, ()

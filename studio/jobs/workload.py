"""How much there is to draw for a request, as numbers that do not depend on any device."""

from __future__ import annotations

from typing import NamedTuple

from studio.domain.geometry import Size
from studio.domain.request import GenerationRequest
from studio.domain.schedulers import SCHEDULERS
from studio.domain.tasks import Details, Outpaint, TextToImage, Upscale
from studio.imaging import outpainting, refining


class Part(NamedTuple):
    """One run of the denoise loop: `calls` of the U-Net, each of so many `rows` of `width` ×
    `height` pixels, with so many ControlNet `units` on average; `pictures` are decoded after it."""

    calls: float
    rows: int
    width: int
    height: int
    units: float
    pictures: int

    @property
    def megapixels(self) -> float:
        """Of a row."""
        return self.width * self.height / 1e6


Workload = tuple[Part, ...]


def workload(request: GenerationRequest, image_size: Size | None = None) -> Workload:
    """The parts of `request`, which is settled; `image_size` is that of the picture that its task
    begins with."""
    if isinstance(request.task, Upscale):
        return _upscale(request, request.task, image_size) if image_size else ()
    details = _details(request)
    if isinstance(request.task, Details):
        return details
    strength = 1.0 if isinstance(request.task, TextToImage) else request.task.strength
    sizes: list[Size] = [(request.width, request.height)]
    if isinstance(request.task, Outpaint) and image_size:
        sizes = outpainting.pass_sizes(request.task, image_size, sizes[0])
    parts = [_part(request, strength, size) for size in sizes]
    if request.hires:
        second = request.second()
        parts.append(_part(second, request.hires.strength, (second.width, second.height)))
    return (*parts, *details)


def _details(request: GenerationRequest) -> Workload:
    """What is found is known once it is looked for: one thing in each picture, or as many as are
    named."""
    return tuple(
        _part(request.detail(one, place, 0), one.strength, (request.width, request.height))
        for place in request.places
        for one in request.active_detailers.values()
        for _ in range(len(one.only) or 1)
    )


def learned_by(request: GenerationRequest) -> str:
    """What its speed depends on: the name of its checkpoint, or what its upscaler is called."""
    return request.checkpoint if request.draws else f"{UPSCALER}{request.task.upscaler}"


UPSCALER = "upscaler "
"""So begins what stands for no checkpoint."""

_SCALE = 4
"""Of most networks."""


def _upscale(request: GenerationRequest, task: Upscale, image_size: Size) -> Workload:
    """Of a picture that is refined its tiles, beside which the network counts little."""
    larger = task.size(image_size)
    if task.refine:
        sizes = refining.sizes(larger, request.width, task.tile_overlap)
        return tuple(_part(request.as_told(), task.strength, size) for size in sizes)
    inputs = [image_size]
    if larger[0] > _SCALE * image_size[0]:
        inputs.append((larger[0] // _SCALE, larger[1] // _SCALE))
    return tuple(Part(1, 1 + bool(task.upscaler_2), *size, 0, 0) for size in inputs)


def _part(request: GenerationRequest, strength: float, size: Size) -> Part:
    steps = max(1, int(request.steps * strength)) if strength else 0
    rows = request.batch_size * (2 if request.guidance_scale > 1 else 1)
    units = sum(unit.end - unit.start for unit in request.controls)
    calls = steps * SCHEDULERS[request.scheduler].calls
    return Part(calls, rows, *size, units, request.batch_size)

"""How much there is to draw for a request, as numbers that do not depend on any device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from studio.domain.geometry import Size
from studio.domain.request import GenerationRequest
from studio.domain.schedulers import SCHEDULERS
from studio.domain.stages import UPSCALERS
from studio.domain.tasks import Details, Outpaint, TextToImage, Upscale
from studio.imaging import outpainting, refining


class Part(NamedTuple):
    """One run of the denoise loop: `calls` of the U-Net, each of so many `rows` of `width` ×
    `height` pixels, with so many ControlNet `units` on average; `pictures` are decoded after it.
    Or, beside such runs, one of the upscaler that is called `network`."""

    calls: float
    rows: int
    width: int
    height: int
    units: float
    pictures: int
    network: str = ""

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
        larger = (second.width, second.height)
        parts += _networks([request.hires.upscaler], sizes[0], larger, request.batch_size)
        parts.append(_part(second, request.hires.strength, larger))
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
    """Of a picture that is refined the networks and its tiles."""
    larger = task.size(image_size)
    if task.refine:
        shown = task.upscaler_2_visibility if task.upscaler_2 else 0
        names = [task.upscaler] * (shown < 1) + [task.upscaler_2] * (shown > 0)
        sizes = refining.sizes(larger, request.width, task.tile_overlap)
        tiles = tuple(_part(request.as_told(), task.strength, size) for size in sizes)
        return (*_networks(names, image_size, larger, 1), *tiles)
    inputs = _inputs(image_size, larger)
    return tuple(Part(1, 1 + bool(task.upscaler_2), *size, 0, 0) for size in inputs)


def _networks(names: Sequence[str], size: Size, larger: Size, rows: int) -> list[Part]:
    """Those of `names` that are networks, from pictures of `size`."""
    inputs = [(name, each) for name in names for each in _inputs(size, larger)]
    return [Part(1, rows, *each, 0, 0, name) for name, each in inputs if name not in UPSCALERS]


def _inputs(size: Size, larger: Size) -> list[Size]:
    """Of the calls by which pictures of `size` become `larger`."""
    if larger[0] <= _SCALE * size[0]:
        return [size]
    return [size, (larger[0] // _SCALE, larger[1] // _SCALE)]


_APPROXIMATED = 0.65
"""Of the time that all calls take, what a run takes that may be approximated (`studio bench
approximate`)."""
_ENOUGH = 10
"""Calls: of fewer all are drawn exactly, but for the last."""


def _part(request: GenerationRequest, strength: float, size: Size) -> Part:
    steps = max(1, int(request.steps * strength)) if strength else 0
    rows = request.batch_size * (2 if request.guidance_scale > 1 else 1)
    units = sum(unit.end - unit.start for unit in request.controls)
    calls = steps * SCHEDULERS[request.scheduler].calls
    if request.approximate and calls >= _ENOUGH:
        calls *= _APPROXIMATED
    return Part(calls, rows, *size, units, request.batch_size)

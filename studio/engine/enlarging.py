"""An `Upscale` of a recipe at work: networks over the pictures, tile by tile, and what they lack or
give too much of by resampling."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from PIL import Image

from studio.diffusion import enlarging
from studio.diffusion.interruption import Interrupted
from studio.domain import errors
from studio.domain.events import Loading, Started
from studio.domain.geometry import Size
from studio.domain.seamless import across, down
from studio.engine.clock import Clock
from studio.engine.editing import Editing
from studio.engine.recipe import Upscale, Way
from studio.engine.run import Apart, Resources, StableDiffusionRun, Work
from studio.imaging.resizing import enlarged
from studio.residence.metering import Meter
from studio.residence.networks import Upscaler, upscaler

_SMALL = 192**2
"""Pixels of a picture that goes through at once, whatever the network."""
_PROBE = 48
"""The side of the small picture that tells what a network takes in memory."""
_OF_ROOM = 0.7
"""So much of what is free, since others live, too."""

Made = Generator[Any, Any, Image.Image]


class Enlarging:
    """`stage` of `run`, over the pictures of `edit`."""

    def __init__(
        self,
        stage: Upscale,
        run: StableDiffusionRun,
        edit: Editing,
        resources: Resources,
        *,
        clock: Clock,
    ) -> None:
        self._stage, self._run, self._edit = stage, run, edit
        self._manager, self._clock = resources.manager, clock
        self._tiling = run.request.tiling
        self._tiles_done = 0

    def work(self) -> Work:
        """All of it. Ended early by a cancel, the pictures stay as they were."""
        if self._edit.latents is not None:
            self._edit.upscale_latents(self._stage.ways[0].upscaler, self._stage.size)
            return
        canvases = list(self._edit.canvases)
        made: list[list[Image.Image]] = []
        try:
            for way in self._stage.ways:
                made.append((yield from self._by(way, canvases)))
        except Interrupted:
            return
        shares = [way.share for way in self._stage.ways]
        self._edit.replace([_mixed(each, shares) for each in zip(*made, strict=True)])

    def _by(
        self, way: Way, canvases: Sequence[Image.Image]
    ) -> Generator[Any, Any, list[Image.Image]]:
        size = self._stage.size
        if way.network is None:
            return [enlarged(canvas, size, way.upscaler, self._tiling) for canvas in canvases]
        wanted = upscaler(way.network)
        if not self._manager.networks.has(wanted):
            yield Loading(f"{wanted.name}: reading", 0.0)
        with self._manager.networks.lend(wanted) as network:
            if not self._clock.has_begun:
                self._clock.begin()
                yield Started()
            made: dict[int, Image.Image] = {}
            for canvas in canvases:
                if id(canvas) not in made:
                    made[id(canvas)] = yield from self._enlarged(network, canvas)
            self._clock.pass_is_over()
            self._tiles_done = 0
            return [made[id(canvas)] for canvas in canvases]

    def _enlarged(self, network: Upscaler, canvas: Image.Image) -> Made:
        """As often as need be, then down to the size."""
        goal = max(_share(self._stage.size, canvas.size), 1.0)
        whole = tuple(math.ceil(side * goal) for side in canvas.size)
        picture, is_first = canvas, True
        while is_first or (network.scale > 1 and picture.size[0] < whole[0]):
            if not is_first:  # no further than it will be needed
                needed = tuple(-(-side // network.scale) for side in whole)
                picture = enlarged(picture, needed, "Lanczos", self._tiling)
            picture, is_first = (yield from self._once(network, picture)), False
        return enlarged(picture, self._stage.size, "Lanczos", self._tiling)

    def _once(self, network: Upscaler, picture: Image.Image) -> Made:
        """`picture` through the network; where it goes on at its other side, with so much of that
        beside it as the network sees."""
        margin = enlarging.margin(network.module)
        beside, below = margin * across(self._tiling), margin * down(self._tiling)
        if beside or below:
            pixels = np.pad(np.asarray(picture), ((below,) * 2, (beside,) * 2, (0, 0)), "wrap")
            wider = yield from self._through(network, Image.fromarray(pixels))
            scale, (width, height) = network.scale, picture.size
            left, top = beside * scale, below * scale
            return wider.crop((left, top, left + width * scale, top + height * scale))
        return (yield from self._through(network, picture))

    def _through(self, network: Upscaler, picture: Image.Image) -> Made:
        tile = yield Apart(lambda: self._tile(network, picture.size))
        while True:
            try:
                return (yield from self._tiled(network, picture, tile))
            except Exception as error:
                half = enlarging.tile_for(network.module, picture.size, math.prod(tile) // 2)
                if not errors.is_out_of_memory(error) or math.prod(half) >= math.prod(tile):
                    raise
                tile = half
                self._manager.free()

    def _tiled(self, network: Upscaler, picture: Image.Image, tile: Size) -> Made:
        scale, pixels = network.scale, np.asarray(picture)
        tiles = enlarging.layout(network, picture.size, tile)
        height, width = pixels.shape[:2]
        whole = np.empty((height * scale, width * scale, 3), np.uint8)
        for number, tile in enumerate(tiles, 1):
            if self._run.cancelled:
                raise Interrupted
            seen = tile.seen
            part = pixels[seen.top : seen.bottom, seen.left : seen.right]
            larger = yield Apart(lambda part=part: enlarging.enlarge(network, part))
            enlarging.place(whole, tile, larger, scale)
            yield self._clock.progress(self._tiles_done + number, self._tiles_done + len(tiles))
        self._tiles_done += len(tiles)
        return Image.fromarray(whole)

    def _tile(self, network: Upscaler, size: Size) -> Size:
        """Of tiles for which there is room."""
        each = 1.0
        if math.prod(size) > _SMALL:
            if network not in _bytes_each:
                _bytes_each[network] = _measured(network)
            each = _bytes_each[network]
        room = self._manager.room(round(each * math.prod(size)))
        return enlarging.tile_for(network.module, size, _OF_ROOM * room / each)


_bytes_each: WeakKeyDictionary[Upscaler, float] = WeakKeyDictionary()


def _measured(network: Upscaler) -> float:
    """Bytes that it takes for each pixel, told by a small picture."""
    meter = Meter(network.device)
    with meter.counting():
        enlarging.enlarge(network, np.zeros((_PROBE, _PROBE, 3), np.uint8))
    return max(meter.take(), 1) / _PROBE**2


def _share(size: Size, of: Size) -> float:
    """How many times larger a picture must become to cover `size`."""
    return max(size[0] / of[0], size[1] / of[1])


def _mixed(pictures: Sequence[Image.Image], shares: Sequence[float]) -> Image.Image:
    if len(pictures) == 1:
        return pictures[0]
    return Image.blend(*pictures, alpha=shares[1])

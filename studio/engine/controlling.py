"""The ControlNet units of a pass: pictures to maps, maps to what the U-Net's wrapper takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from PIL import Image

from studio.diffusion import control
from studio.domain.control import ControlInput
from studio.domain.geometry import CELL, Size
from studio.domain.preprocessor_spec import UNION_PLACES
from studio.domain.refs import Selection
from studio.imaging import reading
from studio.imaging.passes import Pass
from studio.imaging.resizing import part, resized
from studio.preprocessors.holes import control_values

MapOf = Callable[[ControlInput, Image.Image, Size, Image.Image | None], Image.Image]
"""(unit, picture, size, mask) -> the map at that size, RGB, or RGBA with a hole. The mask, L of the
picture's size, white where it is repainted, is for those preprocessors that want one."""


@dataclass
class Controls:
    """The units of one run.

    units      of the request, in its order
    selection  says which net each of them is
    read       gives a picture's bytes by its reference
    map_of     runs a preprocessor
    maps       those that were made, in the order of the units; of the first pass alone
    """

    units: Sequence[ControlInput]
    selection: Selection
    read: Callable[[str], bytes]
    map_of: MapOf
    maps: list[Image.Image] = field(default_factory=list)

    def at_work(
        self, nets: Sequence[torch.nn.Module], run: Pass, canvas: Image.Image | None
    ) -> list[control.Unit]:
        """The units for one pass over `canvas` (RGB; None: there is no picture yet). `nets` are
        those of the selection, in its order."""
        pairs = zip(self.selection.controlnets, nets, strict=True)
        by_name = {ref.name: net for ref, net in pairs}
        found, maps = [], []
        for unit in self.units:
            net = by_name[unit.controlnet]
            map = self._map(unit, run, canvas)
            maps.append(map)
            values = torch.from_numpy(control_values(map))[None].to(net.device)
            acting = control.Acting(
                scale=unit.scale,
                start=unit.start,
                end=unit.end,
                mode=unit.mode,
                region=self._region(unit, run, canvas, net.device),
            )
            place = UNION_PLACES.get(unit.control_type)
            found.append(control.unit(net, values, acting, place))
        self.maps = self.maps or maps
        return found

    def _map(self, unit: ControlInput, run: Pass, canvas: Image.Image | None) -> Image.Image:
        if unit.image is None:
            return self.map_of(unit, run.seen(canvas), run.size, run.mask)
        picture = reading.picture(self.read(unit.image))
        if canvas is None or run.box.size == canvas.size:
            return self.map_of(unit, picture, run.size, None)
        picture = resized(picture, canvas.size, unit.resize_mode)
        return self.map_of(unit, part(picture, run.box), run.size, run.mask)

    def _region(
        self, unit: ControlInput, run: Pass, canvas: Image.Image | None, device: torch.device
    ) -> torch.Tensor | None:
        if unit.mask is None:
            return None
        mask = reading.mask(self.read(unit.mask))
        whole = canvas.size if canvas else run.size
        mask = part(resized(mask, whole, unit.resize_mode), run.box)
        cells = run.size[0] // CELL, run.size[1] // CELL
        grays = torch.frombuffer(bytearray(resized(mask, cells).tobytes()), dtype=torch.uint8)
        return grays.reshape(1, 1, cells[1], cells[0]).to(device, torch.float32) / 255

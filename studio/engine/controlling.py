"""The ControlNet units of a pass: pictures to maps, maps to what the U-Net's wrapper takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from PIL import Image

from studio.diffusion import control
from studio.domain.control import ControlInput
from studio.domain.geometry import CELL
from studio.domain.preprocessor_spec import UNION_PLACES
from studio.domain.refs import Selection
from studio.engine.maps import MapOf, of_pass, of_unit
from studio.imaging import reading
from studio.imaging.passes import Pass
from studio.imaging.resizing import part, resized
from studio.preprocessors.holes import control_values


@dataclass
class Controls:
    """The units of one run.

    units      of the request, in its order
    selection  says which net each of them is
    read       gives a picture's bytes by its reference
    map_of     runs a preprocessor
    """

    units: Sequence[ControlInput]
    selection: Selection
    read: Callable[[str], bytes]
    map_of: MapOf

    def at_work(
        self, nets: Sequence[torch.nn.Module], run: Pass, canvas: Image.Image | None
    ) -> list[control.Unit]:
        """The units for one pass over `canvas` (RGB; None: there is no picture yet). `nets` are
        those of the selection, in its order."""
        pairs = zip(self.selection.controlnets, nets, strict=True)
        by_name = {ref.name: net for ref, net in pairs}
        found = []
        for number, unit in enumerate(self.units):
            net = by_name[unit.controlnet]
            with of_unit(number):
                map = of_pass(unit, run, canvas, self.read, self.map_of)
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
        return found

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

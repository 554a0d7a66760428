"""The ControlNet units of a pass: pictures to maps, maps to what the U-Net's wrapper takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from PIL import Image

from studio.diffusion import control, image_prompts, seamless
from studio.diffusion.rows import Unit
from studio.domain.control import ControlInput
from studio.domain.errors import about
from studio.domain.geometry import CELL
from studio.domain.preprocessor_spec import UNION_PLACES
from studio.domain.refs import Selection
from studio.domain.seamless import TilingName
from studio.engine.maps import MapOf, of_pass
from studio.imaging import reading
from studio.imaging.passes import Pass
from studio.imaging.resizing import crop, resized
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
    _features: dict[int, torch.Tensor] = field(default_factory=dict)

    def at_work(
        self,
        nets: Sequence[torch.nn.Module],
        pass_: Pass,
        canvas: Image.Image | None,
        tiling: TilingName,
    ) -> list[Unit]:
        """The units for one pass over `canvas` (RGB; None: there is no picture yet). `nets` are
        those of the selection, in its order."""
        pairs = zip(self.selection.controlnets, nets, strict=True)
        by_name = {ref.name: net for ref, net in pairs}
        at_work = []
        for number, unit in enumerate(self.units):
            net = by_name[unit.controlnet]
            acting = control.Acting(
                scale=unit.scale,
                start=unit.start,
                end=unit.end,
                mode=unit.mode,
                region=self._region(unit, pass_, canvas, net.device),
            )
            if number in self._features:
                at_work.append(control.ImagePromptUnit(net, self._features[number], acting))
                continue
            with about(f"controls.{number}"):
                map = of_pass(unit, pass_, canvas, self.read, self.map_of)
            values = torch.from_numpy(control_values(map))[None].to(net.device)
            place = UNION_PLACES.get(unit.control_type)
            with seamless.wrapped(net, tiling):
                at_work.append(control.unit(net, values, acting, place))
        return at_work

    def look(
        self,
        nets: Sequence[torch.nn.Module],
        encoders: Sequence[torch.nn.Module],
        canvas: Image.Image | None,
    ) -> None:
        """At the pictures of the units that prompt with them, once for all passes; `encoders` are
        those of the selection, on the device."""
        refs = self.selection.controlnets
        by_name = {ref.name: net for ref, net in zip(refs, nets, strict=True)}
        for number, unit in enumerate(self.units):
            net = by_name[unit.controlnet]
            if not hasattr(net, "reads_embedding"):
                continue
            encoder = next(one for one in encoders if image_prompts.fits(one, net))
            with about(f"controls.{number}"):
                picture = reading.picture(self.read(unit.image)) if unit.image else canvas
            if unit.resize_mode != "crop_and_resize":
                picture = resized(picture, (max(picture.size),) * 2, unit.resize_mode)
            pixels = image_prompts.pixels(picture, encoder.config.image_size)
            self._features[number] = image_prompts.features(encoder, net, pixels)

    def _region(
        self, unit: ControlInput, pass_: Pass, canvas: Image.Image | None, device: torch.device
    ) -> torch.Tensor | None:
        if unit.mask is None:
            return None
        mask = reading.mask(self.read(unit.mask))
        whole = canvas.size if canvas else pass_.size
        mask = crop(resized(mask, whole, unit.resize_mode), pass_.box)
        cells = pass_.size[0] // CELL, pass_.size[1] // CELL
        share = mask.resize(cells, Image.Resampling.BOX).tobytes()  # so sharp borders stay sharp
        grays = torch.frombuffer(bytearray(share), dtype=torch.uint8)
        return grays.reshape(1, 1, cells[1], cells[0]).to(device, torch.float32) / 255

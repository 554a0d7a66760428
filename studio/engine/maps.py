"""The maps of a request's ControlNet units: which picture each is made from, and where it lies.

No torch: the API makes maps again without the models.
"""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image

from studio.domain.control import ControlInput
from studio.domain.errors import NotFound, about
from studio.domain.geometry import Box, Size
from studio.domain.preprocessor_spec import CONTROL_TYPES
from studio.domain.preprocessors import find
from studio.domain.request import GenerationRequest
from studio.imaging import plans, reading
from studio.imaging.passes import Pass
from studio.imaging.resizing import crop, resized
from studio.preprocessors.map_cache import MapCache

MapOf = Callable[[ControlInput, Image.Image, Size, Image.Image | None], Image.Image]
"""(unit, picture, size, mask) -> the map at that size, RGB, or RGBA with a hole. The mask, L of the
picture's size, white where it is repainted, is for those preprocessors that want one."""

Read = Callable[[str], bytes]
"""Gives a picture's bytes by its reference."""

BLACK = (0, 0, 0)
DECODED_BYTES = 64 * 2**20
"""About 22 megapixels."""


def of_pass(
    unit: ControlInput, pass_: Pass, canvas: Image.Image | None, read: Read, map_of: MapOf
) -> Image.Image:
    """The map of `unit` for one pass over `canvas` (RGB; None: there is no picture yet), at the
    size of the pass. Raises as `read` and `map_of` do, and InvalidRequest for what is no picture.
    """
    if unit.image is None:
        return map_of(unit, pass_.crop(canvas), pass_.size, pass_.mask)
    picture = _picture(unit, read)
    wants_mask = find(unit.preprocessor).needs_mask
    if canvas is None or (pass_.box.size == canvas.size and not wants_mask):
        return map_of(unit, picture, pass_.size, None)
    picture = crop(resized(picture, canvas.size, unit.resize_mode), pass_.box)
    if wants_mask:
        picture = resized(picture, pass_.size)
    return map_of(unit, picture, pass_.size, pass_.mask)


def of_request(request: GenerationRequest, number: int, read: Read, map_of: MapOf) -> Image.Image:
    """The map that unit `number`, counted from 1, of a settled request was led by in its first
    pass. Raises NotFound where there is no such unit, else as `of_pass` does."""
    units = request.controls
    if not 1 <= number <= len(units):
        has = f"has {len(units)}" if units else "was made without any"
        raise NotFound(f"There is no ControlNet unit {number}: the picture {has}.")
    plan = plans.plan(request, read)
    if plan and plan.size:
        raise NotFound("Each tile of a refined picture has a map of its own; they are not kept.")
    size = request.width, request.height
    pass_ = plan.passes[0] if plan else Pass(size, Box(0, 0, *size))
    with about(f"controls.{number - 1}"):
        return of_pass(units[number - 1], pass_, plan and plan.before, read, map_of)


class Previews:
    """Maps for somebody who wants to see them while moving a slider: the pictures seen last stay
    decoded, since reading a photo takes longer than finding its edges."""

    def __init__(self, read: Read, map_of: MapOf) -> None:
        self._read, self._map_of = read, map_of
        self._cache = MapCache(DECODED_BYTES)

    def map(self, unit: ControlInput, size: Size | None, mask: str | None) -> Image.Image:
        """The map of `unit`, which has an image: at `size`, by default the image's own. `mask`
        names what would be repainted. Raises as `of_pass` does."""
        key = unit.image, unit.preprocessor == "none", _reads_holes(unit)
        picture = self._cache.get(key)
        if picture is None:
            picture = _picture(unit, self._read)
            if not unit.image.startswith("data:"):
                self._cache.put(key, picture)
        painted = None if mask is None else reading.mask(self._read(mask))
        return self._map_of(unit, picture, size or picture.size, painted)


def _picture(unit: ControlInput, read: Read) -> Image.Image:
    """RGB; a ready-made map for inpainting as RGBA, whose transparent part is the hole. Other maps
    are drawn on black."""
    data = read(unit.image)
    if unit.preprocessor != "none":
        return reading.picture(data)
    if _reads_holes(unit):
        return reading.with_alpha(data)
    return reading.values(data, BLACK)


def _reads_holes(unit: ControlInput) -> bool:
    """Whether what is transparent in its map is a hole: by the declaration of what the map shows.
    Where the unit does not say that, only what its makers call the ControlNet does: a file for
    inpainting has the names and shapes of all others."""
    if unit.control_type:
        return CONTROL_TYPES[unit.control_type].reads_holes
    return "inpaint" in unit.controlnet.lower()

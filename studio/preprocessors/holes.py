"""Maps with a hole, for ControlNets that inpaint, and what a ControlNet sees of a map.

In a map a pixel of the hole is transparent: so it can be kept as a PNG, shown and painted on.
diffusers' inpaint ControlNets want it as -1, where colours are 0 to 1.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

HOLE = -1.0


def with_hole(image: Image.Image, mask: Image.Image) -> Image.Image:
    """`image` (RGB) as RGBA, transparent and black where `mask` (L, same size) is half white or
    more, opaque elsewhere."""
    kept = np.asarray(mask) < 128
    pixels = np.asarray(image) * kept[..., None]
    return Image.fromarray(np.dstack([pixels, kept * np.uint8(255)]).astype(np.uint8))


def control_values(map: Image.Image) -> np.ndarray:
    """What a ControlNet is given: float32 (3, height, width) from 0 to 1; -1 in the hole of an
    RGBA map."""
    pixels = np.asarray(map.convert("RGBA") if map.mode == "RGBA" else map.convert("RGB"))
    values = pixels[..., :3].astype(np.float32).transpose(2, 0, 1) / 255
    if pixels.shape[2] == 4:
        values[:, pixels[..., 3] < 128] = HOLE
    return np.ascontiguousarray(values)

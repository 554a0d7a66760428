"""Two pictures blended through a mask, exactly: where the mask is 0, the bytes are the first's."""

from __future__ import annotations

from PIL import Image

from studio.domain.geometry import Box


def blended(
    below: Image.Image, above: Image.Image, mask: Image.Image | None, box: Box | None = None
) -> Image.Image:
    """A new picture: `above` laid over `below` (RGB) at `box` through `mask` (L; None: opaquely).

    `above` and `mask` have the size of `box` (None: of `below`). In whole numbers, rounded:
    ((255 − m)·below + m·above) / 255, so at 0 exactly `below`, at 255 exactly `above`. That is what
    Pillow's paste computes; a test tries all values.
    """
    result = below.copy()
    result.paste(above, box or Box(0, 0, *below.size), mask)
    return result

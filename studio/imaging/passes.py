"""One run of the denoise loop: the part of the canvas it works on, and how it gets back there."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from studio.domain.geometry import Box, Size
from studio.imaging.blending import blended
from studio.imaging.colour import corrected
from studio.imaging.fill import smeared
from studio.imaging.resizing import clipped, crop, resized


@dataclass(frozen=True, eq=False)
class Pass:
    """One run of the denoise loop over `box`, a part of the canvas.

    `size` is what the model works at: (width, height), multiples of 8. `box` may reach beyond the
    canvas, whose rim is repeated there: how a picture of 1001 pixels becomes 1008 for the model,
    unscaled. `mask` is L at `size`: what is repainted, blurred; None: everything. `blend` is L at
    `box`'s size: how much of the drawing is put into the canvas; None: all of it. `fill` smears the
    colours of the rim over what is masked before the run begins. `unscaled` (RGB, multiples of 8)
    is what is encoded where the latents are scaled instead of the pixels. `sketched` (RGB at the
    canvas's size) is what the run begins with in the canvas's place, which is kept as it is.
    """

    size: Size
    box: Box
    mask: Image.Image | None = None
    blend: Image.Image | None = None
    fill: bool = False
    color_correction: bool = False
    unscaled: Image.Image | None = None
    sketched: Image.Image | None = None

    def source(self, canvas: Image.Image) -> Image.Image:
        """What the run begins with: RGB at `size`, filled under the mask if that was asked."""
        image = self.crop(canvas)
        return smeared(image, self.mask) if self.fill and self.mask else image

    def encoded(self, canvas: Image.Image) -> Image.Image:
        """What is to be encoded by the VAE: RGB, `source` at `size`, but for "latent upscale",
        where it has a smaller size, also of multiples of 8, and the latents are scaled."""
        if self.unscaled is None:
            return self.source(canvas)
        if self.fill and self.mask:
            return smeared(self.unscaled, resized(self.mask, self.unscaled.size))
        return self.unscaled

    def pasted(self, canvas: Image.Image, drawn: Image.Image) -> Image.Image:
        """A new canvas with `drawn` (RGB at `size`) in its box, scaled and blended.

        Where `blend` is 0, and outside the box, the canvas keeps its very bytes.
        """
        if self.color_correction:
            drawn = corrected(drawn, self.crop(canvas), self.mask)
        inside = clipped(self.box, canvas.size)
        left, top = inside.left - self.box.left, inside.top - self.box.top
        within = Box(left, top, left + inside.size[0], top + inside.size[1])
        drawn = crop(resized(drawn, self.box.size), within)
        return blended(canvas, drawn, self.blend and crop(self.blend, within), inside)

    def crop(self, canvas: Image.Image) -> Image.Image:
        """The part of the canvas, RGB at `size`, with its sketch and nothing filled."""
        begun = canvas if self.sketched is None else self.sketched
        return resized(crop(begun, self.box), self.size)

"""The pictures of a run as they come about: what each pass begins with, how it gets into the
canvas, that nothing else was touched, and what they are between two stages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image

from studio.diffusion import inpainting, latents
from studio.diffusion.denoise import Start
from studio.domain.geometry import CELL, Box, Size
from studio.domain.request import GenerationRequest
from studio.domain.tasks import Inpaint, Task
from studio.engine.vae import Vae
from studio.imaging import difference
from studio.imaging.passes import Pass
from studio.imaging.plans import Plan
from studio.imaging.resizing import resized

_LARGEST_PREVIEW = 1024
"""The longer side of a preview, a batch's grid included."""


class Editing:
    """The pictures of `request`; `plan` is None where it begins with no picture.

    canvases  one RGB picture for each of the batch, as the passes left it; empty until there is one
    begun_with  what all of them were before any pass; None where it begins with no picture
    latents   (B, C, h, w), what a stage left instead, for one that begins with latents; else None
    """

    def __init__(self, request: GenerationRequest, plan: Plan | None) -> None:
        self.request, self._plan = request, plan
        self._rows, self._tiling = request.batch_size, request.tiling
        self.canvases: list[Image.Image] = []
        self.latents: torch.Tensor | None = None
        self.is_drawn = False
        self.begun_with: Image.Image | None = None
        if plan:
            is_drawn_over = getattr(request.task, "strength", 1) > 0
            self.canvases = [plan.before if is_drawn_over else plan.undrawn] * self._rows
            self.begun_with = self.canvases[0]

    @property
    def source(self) -> Image.Image | None:
        """What a request that begins with a picture has made of it so far."""
        return self.canvases[0] if self._plan else None

    def is_whole(self, pass_: Pass) -> bool:
        """Whether it draws all of the canvas, and nothing beyond."""
        return self._plan is None or pass_.box == Box(0, 0, *self.canvases[0].size)

    @property
    def size(self) -> Size | None:
        """(width, height) of a picture that the request begins with; None: it begins with none."""
        return self._plan and self._plan.before.size

    @property
    def profile(self) -> bytes | None:
        """The ICC profile of the canvases; None: sRGB."""
        return self._plan and self._plan.profile

    def paste(self, pass_: Pass, drawn: Sequence[Image.Image]) -> None:
        """Put what `pass_` has drawn, RGB of its size, into the canvases."""
        self.latents, self.is_drawn = None, True
        if self._plan is None:
            self.canvases = list(drawn)
        else:
            pairs = zip(self.canvases, drawn, strict=True)
            self.canvases = [pass_.pasted(canvas, picture) for canvas, picture in pairs]

    def upscale_latents(self, upscaler: str, size: Size) -> None:
        """Those that there are become `size`, (width, height) in pixels, by one of
        `stages.LATENT_UPSCALERS`."""
        self.latents = latents.upscaled(
            self.latents, upscaler, size[1] // CELL, size[0] // CELL, self._tiling
        )

    def replace(self, canvases: list[Image.Image]) -> None:
        """Larger pictures take the place of those that there are."""
        self.canvases, self.is_drawn = canvases, True

    def put(self, place: int, canvas: Image.Image) -> None:
        """In the picture at `place` of the batch something was drawn once more."""
        self.canvases[place], self.is_drawn = canvas, True

    def max_difference(self, canvas: Image.Image) -> int | None:
        """The largest change of a channel where the mask is zero; None without a mask."""
        if self._plan is None or self._plan.mask is None:
            return None
        return difference.max_outside(self._plan.before, canvas, self._plan.mask)

    def shown(self, pass_: Pass) -> Shown:
        return Shown(pass_, self.canvases)


class Shown:
    """Previews of a pass, in place: `in_place` puts them into small copies of the canvases."""

    def __init__(self, pass_: Pass, canvases: Sequence[Image.Image]) -> None:
        self._pass = pass_
        self._canvases = canvases
        self._small: list[Image.Image] = []

    def in_place(self, previews: Sequence[Image.Image]) -> list[Image.Image]:
        """`previews` are RGB of the shape of the pass, of any size."""
        whole = self._canvases and self._pass.box.size == self._canvases[0].size
        if not self._canvases or (whole and self._pass.blend is None):
            return list(previews)
        if not self._small:
            self._shrink()
        pairs = zip(self._small, previews, strict=True)
        return [self._pasted(canvas, preview) for canvas, preview in pairs]

    def _shrink(self) -> None:
        columns = math.ceil(math.sqrt(len(self._canvases)))
        scale = min(1.0, _LARGEST_PREVIEW / columns / max(self._canvases[0].size))

        def scaled(length: int) -> int:
            return round(length * scale)

        box = self._pass.box
        self._place = scaled(box.left), scaled(box.top)
        self._size = max(1, scaled(box.size[0])), max(1, scaled(box.size[1]))
        self._blend = self._pass.blend and self._pass.blend.resize(self._size)
        width, height = self._canvases[0].size
        small = max(1, scaled(width)), max(1, scaled(height))
        first = resized(self._canvases[0], small)
        alike = [canvas is self._canvases[0] for canvas in self._canvases]
        self._small = [
            first if same else resized(canvas, small)
            for same, canvas in zip(alike, self._canvases, strict=True)
        ]

    def _pasted(self, canvas: Image.Image, preview: Image.Image) -> Image.Image:
        canvas = canvas.copy()
        canvas.paste(preview.resize(self._size), self._place, self._blend)
        return canvas


@dataclass(frozen=True)
class Setting:
    """What the passes of a run have in common.

    task         of the request
    strength     share of the steps that is gone through
    vae          encodes what they begin with
    takes_mask   the U-Net takes mask and masked latents beside the latents (9 channels)
    generators   one a picture, on the CPU
    """

    task: Task
    strength: float
    vae: Vae
    takes_mask: bool
    generators: Sequence[torch.Generator]


def begin(
    setting: Setting, pass_: Pass, edit: Editing, noise: torch.Tensor
) -> tuple[Start | None, torch.Tensor | None]:
    """What the pass begins with (None: with `noise` alone, (B, C, h, w) on the device), and the
    channels that a U-Net for inpainting takes beside its latents (None for others)."""
    rows, canvases, clean = len(noise), edit.canvases, edit.latents
    if clean is None and canvases:
        encoded = [pass_.encoded(canvas) for canvas in _distinct(canvases)]
        clean = _encoded(setting.vae, encoded, noise)
    if clean is None or pass_.mask is None:
        extra_channels = _all_new(setting, pass_, rows) if setting.takes_mask else None
        return None if clean is None else Start(clean, setting.strength), extra_channels
    return _masked(setting, pass_, canvases, clean, noise)


def _masked(
    setting: Setting,
    pass_: Pass,
    canvases: Sequence[Image.Image],
    clean: torch.Tensor,
    noise: torch.Tensor,
) -> tuple[Start, torch.Tensor | None]:
    task = setting.task
    soft = isinstance(task, Inpaint) and task.soft
    kind = task.masked_content if isinstance(task, Inpaint) else "fill"
    mask = (inpainting.amounts if soft else inpainting.covered)(pass_.mask).to(noise.device)
    clean = inpainting.content(kind, clean, mask, setting.generators)
    # As in diffusers' pipeline: what is to be forgotten does not shine through the first noise.
    unseen = not soft and kind == "original" and setting.strength == 1
    extra_channels = None
    if setting.takes_mask:
        sources = [pass_.source(canvas) for canvas in _distinct(canvases)]
        pixels = torch.cat([inpainting.masked_pixels(source, pass_.mask) for source in sources])
        kept = _for_all(setting.vae.encode(pixels), noise)
        extra_channels = inpainting.extra_channels(mask.ceil(), kept)
    blend = None  # a U-Net that sees what is kept draws it by itself
    if soft:
        blend = inpainting.SoftBlend(clean, noise, mask)
    elif extra_channels is None:
        blend = inpainting.HardBlend(clean, noise, mask)
    return Start(clean, setting.strength, blend, unseen), extra_channels


def _all_new(setting: Setting, pass_: Pass, rows: int) -> torch.Tensor:
    """For a picture of which nothing is kept."""
    width, height = pass_.size
    kept = setting.vae.encode(inpainting.gray_pixels(height, width)).expand(rows, -1, -1, -1)
    return inpainting.extra_channels(torch.ones_like(kept[:1, :1]), kept)


def _encoded(vae: Vae, images: Sequence[Image.Image], like: torch.Tensor) -> torch.Tensor:
    """Their latents, of the shape and on the device of `like`."""
    encoded = vae.encode(torch.cat([latents.to_pixels(image) for image in images]))
    if encoded.shape[2:] != like.shape[2:]:
        encoded = latents.resized(encoded, *like.shape[2:])
    return _for_all(encoded, like)


def _for_all(rows: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """One row for all of a batch, or one for each."""
    return rows.to(like.device).expand(len(like), -1, -1, -1)


def _distinct(canvases: Sequence[Image.Image]) -> Sequence[Image.Image]:
    """All of them, or the first where they are one and the same, which is encoded once then."""
    return canvases[:1] if all(canvas is canvases[0] for canvas in canvases) else canvases

"""A VAE at work for one run, and what is done when its numbers overflow or memory is short."""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Callable
from typing import TypeVar

import torch
from PIL import Image

from studio.diffusion import latents, seamless
from studio.diffusion.interruption import Interrupted, interrupted_when
from studio.diffusion.preview import Frames, Previewer, previewer
from studio.domain import errors
from studio.domain.family import ModelFamily
from studio.domain.seamless import TilingName
from studio.residence import memory
from studio.residence.lease import Lease

log = logging.getLogger(__name__)

Result = TypeVar("Result")

_OVERFLOWED = (
    "This VAE overflows in half precision, so the picture was decoded again in float32, which "
    "takes longer. Another VAE of the family may not need it."
)


_SOON_S = 2.0
_AS_PREVIEW = (
    "The run was stopped, and decoding what was there would have taken long: this is its preview, "
    "enlarged to its size."
)


Decoded = tuple[list[Image.Image], tuple[str, ...]]
"""Pictures, and the warnings to go with them."""


def as_preview(clean: torch.Tensor, family: ModelFamily) -> Decoded:
    """What can be seen of latents (B, C, h, w) without any model, at their size in pixels, and the
    warnings to go with it."""
    height, width = (cells * family.vae_factor for cells in clean.shape[2:])
    show = previewer((family.preview_factors, family.preview_bias))
    return [image.resize((width, height)) for image in Frames(show(clean)).images()], (_AS_PREVIEW,)


class Vae:
    """That of `lease`, which stays as others know it; `tiling` as `seamless.wrapped` takes it."""

    def __init__(self, lease: Lease, tiling: TilingName = "none") -> None:
        self._lease, self._tiling = lease, tiling
        self._module = lease.models.vae

    def wrapped(self, tiling: TilingName) -> Vae:
        """The same, for pictures that go on at the other side."""
        return Vae(self._lease, tiling)

    def decode(self, clean: torch.Tensor) -> Decoded:
        """The pictures of latents (B, C, h, w), and the warnings to go with them.
        Raises EngineError where there is no picture in them."""
        if not torch.isfinite(clean).all():
            raise errors.EngineError(
                "The numbers overflowed and the picture is lost. Start the studio with "
                "--dtype float32, or lower the guidance scale."
            )
        images, again = self._exactly_if_need_be(latents.decode, clean)
        return images, (_OVERFLOWED,) if again else ()

    def decode_soon(self, clean: torch.Tensor, show: Previewer, size: tuple[int, int]) -> Decoded:
        """As `decode`, for a run that was stopped: nobody wants to wait for it any more. What takes
        more than two seconds is `show`n instead, at `size` in pixels."""
        until_s = time.monotonic() + _SOON_S
        try:
            with interrupted_when(lambda: time.monotonic() > until_s):
                return self.decode(clean)
        except Interrupted:
            return [image.resize(size) for image in Frames(show(clean)).images()], (_AS_PREVIEW,)

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """Latents (B, C, h, w) float32 of pictures (B, 3, height, width) in −1…1. Raises
        EngineError where the VAE makes none."""
        return self._exactly_if_need_be(latents.encode, pixels)[0]

    def _exactly_if_need_be(
        self, work: Callable[[torch.nn.Module, torch.Tensor], Result], tensor: torch.Tensor
    ) -> tuple[Result, bool]:
        """(what `work` makes of the VAE and `tensor`, was it made once more in float32?)."""
        self._lease.bring("vae")
        try:
            return self._at_once_or_tiled(work, self._module, tensor), False
        except latents.Overflow:
            log.warning("the VAE's numbers overflowed in %s: again in float32", self._module.dtype)
        try:
            return self._at_once_or_tiled(work, copy.deepcopy(self._module).float(), tensor), True
        except latents.Overflow:
            raise errors.EngineError(
                "The VAE makes no picture of these latents, in float32 neither: its weights are "
                "broken or those of another family. Choose another VAE."
            ) from None

    def _at_once_or_tiled(
        self,
        work: Callable[[torch.nn.Module, torch.Tensor], Result],
        module: torch.nn.Module,
        tensor: torch.Tensor,
    ) -> Result:
        try:
            with seamless.wrapped(module, self._tiling):
                return work(module, tensor)
        except (RuntimeError, MemoryError) as error:
            if not errors.is_out_of_memory(error):
                raise
            memory.give_back(module.device)
            log.warning("not enough memory for the VAE at once: in tiles")
            module.enable_tiling()
            try:
                return work(module, tensor)
            finally:
                module.disable_tiling()

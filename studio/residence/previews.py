"""The small decoders that show a forming picture: they stay on the device, next to what they serve.

One that is broken must not keep a picture from being made, only its preview is plainer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable

import torch

from studio.domain.errors import CheckpointError
from studio.domain.refs import ModelRef
from studio.residence.cache import key_of
from studio.residence.slot import Slot
from studio.weights import preview_decoder, tiny_vae

log = logging.getLogger(__name__)


class PreviewModels:
    """Some megabytes at most, read once for each checkpoint and each tiny VAE. `dtype` is that of
    the tiny VAEs."""

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        self._device, self._dtype = device, dtype
        self._held: dict[Hashable, torch.nn.Module | None] = {}

    def decoder(self, checkpoint: ModelRef) -> torch.nn.Module | None:
        """The `PreviewDecoder` that the checkpoint brings, if it does."""
        return self._once(checkpoint, self._read_decoder)

    def tiny_vae(self, ref: ModelRef | None) -> torch.nn.Module | None:
        """diffusers' AutoencoderTiny, without its encoder."""
        return self._once(ref, self._read_tiny_vae) if ref else None

    def forget(self, ref: ModelRef) -> None:
        """Who uses it still may go on."""
        self._held.pop(key_of(ref), None)

    def clear(self) -> None:
        self._held.clear()

    def _once(
        self, ref: ModelRef, read: Callable[[ModelRef], torch.nn.Module | None]
    ) -> torch.nn.Module | None:
        key = key_of(ref)
        if key not in self._held:
            try:
                self._held[key] = read(ref)
            except CheckpointError as error:
                log.warning("%s", error)
                self._held[key] = None
        return self._held[key]

    def _read_decoder(self, ref: ModelRef) -> torch.nn.Module | None:
        decoder = preview_decoder.read(ref)
        return decoder and decoder.to(self._device)

    def _read_tiny_vae(self, ref: ModelRef) -> torch.nn.Module:
        weights, config = tiny_vae.read_tiny_vae(ref, self._dtype)
        slot = Slot("tiny_vae", config, self._device)
        slot.fill(weights)
        slot.bring()
        return slot.module

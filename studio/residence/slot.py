"""A module whose weights are exchanged in place.

Nothing is rebuilt when a checkpoint or a LoRA changes, so graphs compiled or captured over the
module stay valid. The weights themselves stay in host memory as they were read: a LoRA is merged
into copies of the weights it changes, and taking it off puts the untouched ones back.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from studio.residence.copies import Copies, copies_to
from studio.residence.streaming import Streaming
from studio.weights.loader import build
from studio.weights.tensor_files import Own, own

Tensors = Mapping[str, torch.Tensor]


class Delta(Protocol):
    """What a LoRA adds to one weight."""

    def add_to(self, weight: torch.Tensor, scale: float) -> torch.Tensor:
        """A new tensor: float32 `weight` plus `scale` times this, on the weight's device."""


@dataclass(frozen=True, eq=False)
class Patch:
    """What the LoRA known as `of` does to a module: weight name -> delta, and how much of it is
    added. `source`: the weights that the deltas are, where they are another module's."""

    of: Hashable
    deltas: Mapping[str, Delta]
    scale: float
    source: Tensors | None = None


_SMALL = torch.float8_e4m3fn
"""Half of float16's size, with three bits of mantissa: pictures change a little."""


class Slot:
    """A module of the kind `part` ("unet", "vae", …), built from `config`, for `device`.

    It is on the device from `bring` to `send_away`; in host memory it costs nothing, since its
    weights are then those that were read. `room`: how many bytes of the device it may have when it
    is brought; what does not fit comes while it is at work (`streaming`), by `copies`. `small_for`:
    its layers keep their weights in eight bits and widen them to this dtype just while they are at
    work.
    """

    def __init__(
        self,
        part: str,
        config: Mapping[str, Any],
        device: torch.device,
        *,
        room: Callable[[], int] | None = None,
        small_for: torch.dtype | None = None,
        copies: Copies | None = None,
    ) -> None:
        self.module = _hollow(build(part, config))
        self.device = device
        self._room, self._streaming = room, None
        if room:
            self._streaming = Streaming(self.module, device, copies or copies_to(device))
        if small_for:
            self.module.enable_layerwise_casting(_SMALL, small_for)
        self.resident = False
        self._places = dict(self.module.named_parameters()) | dict(self.module.named_buffers())
        self._small = {key for key, place in self._places.items() if place.dtype == _SMALL}
        self._pristine: Tensors = {}
        self._patches: tuple[Patch, ...] = ()
        self._patched: frozenset[str] = frozenset()

    def holds(self, tensors: Tensors) -> bool:
        """Whether these very tensors are the ones in use."""
        return self._pristine is tensors

    def keeps_alive(self, tensors: Tensors) -> bool:
        """Whether it needs these very tensors, its own or another module's."""
        return self.holds(tensors) or any(patch.source is tensors for patch in self._patches)

    def has(self, tensors: Tensors, patches: Sequence[Patch]) -> bool:
        """Whether filling it with these would change nothing."""
        return self.holds(tensors) and _uses(self._patches) == _uses(patches)

    def fill(self, tensors: Tensors, patches: Sequence[Patch] = ()) -> None:
        """Take `tensors` (host memory, by weight name; only read), with `patches` merged in.

        Of tensors it holds already only those are written that the patches, old or new, change.
        """
        patched = frozenset(key for patch in patches for key in patch.deltas)
        changed = patched | self._patched if self.holds(tensors) else tensors.keys()
        self._pristine, self._patches, self._patched = tensors, tuple(patches), patched
        if self.resident:
            try:
                self._write(changed)
            except BaseException:
                self._pristine = {}  # half of it is written: next time all of it is
                raise

    def bring(self) -> None:
        """Onto the device. Raises what `is_out_of_memory` knows where it does not fit."""
        if not self.resident:
            if self._streaming:
                self._streaming.begin(self._pristine, self._room())
            self._write(self._pristine)
            for name, buffer in self.module.named_buffers():
                if name not in self._pristine:
                    buffer.data = buffer.data.to(self.device)
            self.resident = True

    def send_away(self) -> None:
        """Off the device: its memory there is free again."""
        if self.on_device:
            if self._streaming:
                self._streaming.end()
            for key, tensor in self._pristine.items():
                self._places[key].data = tensor
            self.resident = False

    @property
    def on_device(self) -> bool:
        """Whether it takes memory there that a module in host memory would not."""
        return self.resident and self.device.type != "cpu"

    @property
    def size_bytes(self) -> int:
        """What it takes on the device."""
        if self._streaming:
            return self._streaming.size_bytes
        return sum(tensor.nbytes for tensor in self._pristine.values())

    def _write(self, keys: Sequence[str]) -> None:
        for key in keys:
            tensor = self._pristine[key]
            if key in self._patched:
                tensor = self._merged(key, tensor)
            if key in self._small:
                tensor = tensor.to(_SMALL)
            place = self._places[key]
            if self._streaming and self._streaming.takes(key):
                self._streaming.put(key, _in_host_memory(tensor, self.device))
            elif self.device.type == "cpu":
                place.data = tensor  # host memory is the device's: nothing to copy
            elif self.resident and place.shape == tensor.shape:
                place.data.copy_(tensor, non_blocking=True)
            else:
                moved = tensor.to(self.device, non_blocking=True)
                place.data = moved.contiguous(memory_format=_memory_format(moved))

    def _merged(self, key: str, tensor: torch.Tensor) -> torch.Tensor:
        """In float32 from first to last, so that LoRAs that cancel each other out do."""
        merged = tensor.to(self.device).float()
        for patch in self._patches:
            if key in patch.deltas:
                merged = patch.deltas[key].add_to(merged, patch.scale)
        return merged.to(tensor.dtype)


def _uses(patches: Sequence[Patch]) -> list[tuple[Hashable, float]]:
    return [(patch.of, patch.scale) for patch in patches]


def _hollow(module: torch.nn.Module) -> torch.nn.Module:
    """`module` with empty weights in host memory: those on the meta device take no others."""
    for child in module.modules():
        for name in child._parameters:
            if child._parameters[name] is not None:
                child._parameters[name] = torch.nn.Parameter(torch.empty(0), requires_grad=False)
    return module


def _memory_format(tensor: torch.Tensor) -> torch.memory_format:
    """Convolutions run faster on weights that lie channels last."""
    spatial = tensor.dim() == 4 and tensor.shape[2:] != (1, 1)
    return torch.channels_last if spatial else torch.contiguous_format


def own_for(device: torch.device) -> Own:
    """How weights are kept in host memory for slots on `device`: laid out as they are computed
    with, for CUDA in pinned memory, from which copies run at the full rate of the bus."""
    if device.type == "cpu":
        return lambda tensor, dtype: tensor.to(
            dtype, copy=True, memory_format=_memory_format(tensor)
        )
    if device.type == "cuda":
        return lambda tensor, dtype: torch.empty_like(
            tensor,
            dtype=dtype,
            device="cpu",
            pin_memory=True,
            memory_format=_memory_format(tensor),
        ).copy_(tensor)
    return own


def _in_host_memory(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """As the others that are copied from there to `device` while it computes."""
    if tensor.device.type == "cpu":
        return tensor
    return own_for(device)(tensor, tensor.dtype)

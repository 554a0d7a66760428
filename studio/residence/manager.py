"""What is in memory: models are borrowed here, never owned by those who use them.

Two tiers. Host memory holds the weights of the checkpoints used last, as they were read
(`cache.py`). The device holds one module of each shape (`slot.py`), into which weights are put
when they are wanted; on a CPU both tiers are the same memory and nothing is copied.
"""

from __future__ import annotations

import gc
import json
import logging
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager

import torch

from studio.domain.errors import CheckpointError, InvalidRequest, OutOfMemory
from studio.domain.refs import LoraUse, ModelRef, Selection
from studio.residence import device as devices
from studio.residence import memory
from studio.residence.cache import WeightCache
from studio.residence.slot import Patch, Slot, own_for
from studio.weights import embeddings, ip_adapter_files, loader, lora, modules, t2i_files, tiny_vae
from studio.weights.loader import Models, Weights

_LORA_BYTES = 2 * memory.GIB
"""LoRAs used last are kept up to this size, so that taking one on and off reads nothing."""

log = logging.getLogger(__name__)


class ModelManager:
    """To be used by the device's one thread only; `state` and `warm` may be read from any.

    `device` and `dtype` as on the command line; both may be "auto". `mode` is one of
    `memory.MODES`, or "auto". `host_bytes` is what checkpoints may take in host memory; None: what
    is free when they are loaded, but for a reserve.
    """

    def __init__(
        self,
        device: str = "auto",
        dtype: str = "auto",
        mode: str = "auto",
        host_bytes: int | None = None,
    ) -> None:
        self.device = devices.choose_device(device)
        self.dtype = devices.choose_dtype(dtype, self.device)
        self.warm: tuple[str, ...] = ()
        self._wanted_mode, self._mode = mode, "device"
        self._host_bytes = host_bytes
        self._cache = WeightCache(self._host_budget, self._forget)
        self._loras: OrderedDict[Hashable, lora.Lora] = OrderedDict()
        self._tiny_vaes: dict[Hashable, torch.nn.Module] = {}
        self._slots: dict[Hashable, Slot] = {}
        self._leased: dict[str, Slot] = {}
        self._models: Models | None = None
        self._loading: tuple[str, float] | None = None

    @property
    def state(self) -> tuple[str | None, str, float]:
        """(checkpoint, "cold" | "loading" | "warm", fraction loaded)."""
        loading, models = self._loading, self._models
        if loading:
            return loading[0], "loading", loading[1]
        return (models.ref.name, "warm", 1.0) if models else (None, "cold", 0.0)

    def prepare(self, selection: Selection) -> Iterator[tuple[str, float]]:
        """Make `selection` ready, yielding (stage, fraction) while files are read.

        Yields nothing if all of it is in memory. Raises `CheckpointError` where files are missing
        or broken, `InvalidRequest` where they don't fit together, `OutOfMemory` where they don't
        fit in; then what was ready before still is, or is read again when asked for.
        """
        if self._models and self._models.selection == selection:
            return
        try:
            for ref in _whole(selection):
                yield from self._read(ref, selection)
            self._seat(selection)
        except torch.OutOfMemoryError:
            self.release()
            raise OutOfMemory(
                f"{selection.checkpoint.name} does not fit into the memory of {self.device}. Close "
                "other programs that use it, or choose a smaller checkpoint."
            ) from None
        finally:
            self._loading = None
            self.warm = tuple(dict.fromkeys(weights.ref.name for weights in self._cache))

    @contextmanager
    def lease(self, selection: Selection) -> Iterator[Models]:
        """Borrow `selection`, loading what is missing. Raises as `prepare` does."""
        for _ in self.prepare(selection):
            pass
        yield self._models

    def bring(self, *parts: str) -> None:
        """Have these parts of what is leased on the device, "unet" (with the ControlNets, which
        work beside it), "image_encoder" (all of them) or others; those that the checkpoint lacks
        are passed over. Where memory is short the other parts leave first."""
        if self._mode in memory.RESIDENT:
            return
        more = {"unet": "controlnet ", "image_encoder": "image_encoder "}
        also = tuple(more[part] for part in parts if part in more)
        parts += tuple(part for part in self._leased if also and part.startswith(also))
        for part, slot in self._leased.items():
            if part not in parts:
                slot.send_away()
        for part in parts:
            if part in self._leased:
                self._leased[part].bring()

    def be_thriftier(self) -> bool:
        """After running out of device memory: free what can be freed and use less from now on.

        False if there is no thriftier mode left to try.
        """
        following = memory.thriftier(self._mode) if self.device.type != "cpu" else None
        may_change = self._wanted_mode == "auto" and following is not None
        if may_change:
            self._wanted_mode = following
        self._empty_slots()
        self.free()
        return may_change

    def release(self) -> None:
        """Give all memory back."""
        self._empty_slots()
        self._cache.clear()
        self._loras.clear()
        self._tiny_vaes.clear()
        self.warm = ()
        self.free()

    def free(self) -> None:
        """Return what nobody uses to the device, as after running out of memory."""
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _read(self, ref: ModelRef, selection: Selection) -> Iterator[tuple[str, float]]:
        """Bring the weights of `ref` into host memory, if they are not there."""
        key = _key(ref)
        if key in self._cache:
            return
        # Its bytes are kept in our dtype; what is in use now may have to go too.
        size_bytes = ref.file.size_bytes * self.dtype.itemsize // _itemsize(ref.facts.dtype)
        self._cache.make_room(size_bytes, keep=frozenset(map(_key, _whole(selection))))
        free_bytes = memory.free_host_bytes()
        if size_bytes > free_bytes:  # the system would end the process instead of telling us
            needed, free = size_bytes / memory.GIB, free_bytes / memory.GIB
            raise OutOfMemory(
                f"{ref.name} takes {needed:.1f} GiB, and {free:.1f} GiB of this computer's memory "
                "are free. Close other programs, choose a smaller checkpoint, or start the studio "
                "with --dtype bfloat16."
            )
        for stage, fraction, weights in loader.read(ref, self.dtype, own=own_for(self.device)):
            self._loading = (ref.name, fraction)
            if weights is None:
                yield stage, fraction
                continue
            self._cache.add(key, weights)

    def _seat(self, selection: Selection) -> None:
        """Put the weights into the modules. All that can be refused is refused before."""
        own = self._cache.get(_key(selection.checkpoint))
        vae = self._cache.get(_key(selection.vae or selection.checkpoint))
        if "vae" not in vae.parts:
            raise CheckpointError(
                f"{own.ref.name}: there is no VAE in it. Choose one to go with it, or get the "
                "checkpoint with its VAE."
            )
        sources = {**dict.fromkeys(own.parts, own), "vae": vae}
        nets = {
            f"controlnet {place}": self._cache.get(_key(ref))
            for place, ref in enumerate(selection.controlnets, 1)
        }
        eyes = {
            f"image_encoder {place}": self._cache.get(_key(ref))
            for place, ref in enumerate(selection.image_encoders, 1)
        }
        for net in nets.values():
            _check_fits(net, own)
        patches = self._patches(selection.loras, own)
        family = selection.checkpoint.family
        vectors, warnings = embeddings.read_fitting(selection.embeddings, family, own.parts)
        warnings += tuple(self._lora(use.ref, own).warning for use in selection.loras)
        tiny = self._tiny_vae(selection.tiny_vae)
        configs = {part: weights.configs[part] for part, weights in sources.items()}
        if vae is not own:
            configs["vae"] = loader.vae_config(own, vae)
        self._models, self._leased = None, {}
        sizes = {part: weights.part_bytes(part) for part, weights in sources.items()}
        sizes["unet"] += sum(net.size_bytes for net in nets.values())
        sizes |= {part: weights.size_bytes for part, weights in eyes.items()}
        self._choose_mode(sizes)
        slots = {part: self._slot(part, config) for part, config in configs.items()}
        for part, slot in slots.items():
            slot.fill(sources[part].parts[part], patches.get(part, ()))
        for part, weights in (nets | eyes).items():
            [kind] = weights.parts
            slots[part] = self._slot(kind, weights.configs[kind], part)
            slots[part].fill(weights.parts[kind])
        for slot in slots.values():
            if self._mode in memory.RESIDENT or slot.device.type == "cpu":
                slot.bring()
        self._leased = slots
        self._models = Models(
            ref=selection.checkpoint,
            selection=selection,
            tokenizers=own.tokenizers,
            text_encoders=tuple(s.module for part, s in slots.items() if "text_encoder" in part),
            unet=slots["unet"].module,
            vae=slots["vae"].module,
            embeddings=vectors,
            tiny_vae=tiny,
            controlnets=tuple(slots[part].module for part in nets),
            image_encoders=tuple(slots[part].module for part in eyes),
            warnings=tuple(filter(None, warnings)),
        )

    def _patches(self, uses: tuple[LoraUse, ...], own: Weights) -> dict[str, list[Patch]]:
        """What the LoRAs change in each part. A weight of 0 changes nothing at all."""
        patches: dict[str, list[Patch]] = {}
        for use in uses:
            found = self._lora(use.ref, own)
            for part in own.parts:
                scale = use.weight if part == "unet" else use.text_encoder_weight
                deltas = {key: d for (of, key), d in found.deltas.items() if of == part}
                if deltas and scale:
                    patches.setdefault(part, []).append((deltas, scale))
        return patches

    def _lora(self, ref: ModelRef, own: Weights) -> lora.Lora:
        # What of it fits depends on the shapes of the checkpoint's weights.
        key = (_key(ref), own.ref.family.name, json.dumps(own.configs, sort_keys=True, default=str))
        if key not in self._loras:
            self._loras[key] = lora.read(ref, own.ref.family, own.parts)
            while sum(held.size_bytes for held in self._loras.values()) > _LORA_BYTES:
                if len(self._loras) == 1:
                    break
                self._loras.popitem(last=False)
        self._loras.move_to_end(key)
        return self._loras[key]

    def _tiny_vae(self, ref: ModelRef | None) -> torch.nn.Module | None:
        """Ten megabytes that stay on the device. One that is broken must not keep a picture from
        being made, only its preview is plainer."""
        if ref is None:
            return None
        if _key(ref) not in self._tiny_vaes:
            try:
                weights, config = tiny_vae.read_tiny_vae(ref, self.dtype)
            except CheckpointError as error:
                log.warning("%s", error)
                return None
            slot = Slot("tiny_vae", config, self.device)
            slot.fill(weights)
            slot.bring()
            self._tiny_vaes[_key(ref)] = slot.module
        return self._tiny_vaes[_key(ref)]

    def _slot(self, part: str, config: Mapping, place: str = "") -> Slot:
        """The module for `config`, built if there is none of its shape; in each `place` another,
        for parts that are there several times at once."""
        streamed = part == "unet" and self._mode == "sequential"
        small_for = self.dtype if part == "unet" and self._mode == "fp8" else None
        shape = json.dumps(modules.canonical(config), sort_keys=True)
        key = (part, place, shape, streamed, small_for)
        if key not in self._slots:
            self._slots[key] = Slot(part, config, self.device, streamed, small_for)
        return self._slots[key]

    def _choose_mode(self, sizes: Mapping[str, int]) -> None:
        """Decide how parts of these sizes in bytes live on the device, and make room for them."""
        if self.device.type == "cpu":
            self._mode = "fp8" if self._wanted_mode == "fp8" else "device"
            return
        resident = sum(slot.size_bytes for slot in self._slots.values() if slot.resident)
        free_bytes = memory.free_device_bytes(self.device) + resident
        chosen = self._wanted_mode
        self._mode = memory.mode_for(free_bytes, sizes) if chosen == "auto" else chosen
        if memory.mode_for(free_bytes, {**sizes, "others": resident}) != "device":
            self._empty_slots()

    def _host_budget(self) -> int:
        if self._host_bytes is not None:
            return self._host_bytes
        return self._cache.size_bytes + memory.free_host_bytes() - memory.host_reserve_bytes()

    def _forget(self, weights: Weights) -> None:
        """`weights` leave the cache: no module may keep them alive."""
        gone = [
            key
            for key, slot in self._slots.items()
            if any(slot.holds(tensors) for tensors in weights.parts.values())
        ]
        for key in gone:
            slot = self._slots.pop(key)
            if slot in self._leased.values():
                self._models, self._leased = None, {}

    def _empty_slots(self) -> None:
        self._models, self._leased = None, {}
        self._slots.clear()


def _whole(selection: Selection) -> tuple[ModelRef, ...]:
    """What of `selection` is kept in host memory as it was read."""
    vae = (selection.vae,) if selection.vae else ()
    return (selection.checkpoint, *vae, *selection.controlnets, *selection.image_encoders)


_MISFITS = {
    t2i_files.PART: ("a T2I-Adapter", t2i_files.misfit),
    ip_adapter_files.PART: ("an IP-Adapter", ip_adapter_files.misfit),
}


def _check_fits(net: Weights, own: Weights) -> None:
    """Where a header does not tell the family, the shapes do."""
    [kind] = net.parts
    what, misfit = _MISFITS.get(kind, ("", None))
    if misfit and misfit(net.configs[kind], own.configs["unet"]):
        raise InvalidRequest(
            f"controls: {net.ref.name} is {what} for another family than {own.ref.name}. "
            "Choose one that fits."
        )


def _key(ref: ModelRef) -> Hashable:
    """Another one as soon as the file is another."""
    return ref.file.path, ref.file.size_bytes, ref.file.modified_ns


def _itemsize(dtype: str) -> int:
    found = getattr(torch, dtype, None) if dtype else None
    return found.itemsize if isinstance(found, torch.dtype) else 2

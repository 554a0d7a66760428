"""What is in memory: models are borrowed here, never owned by those who use them.

Two tiers. Host memory holds the weights of the checkpoints used last, as they were read
(`cache.py`). The device holds modules (`pool.py`, `slot.py`), into which weights are put when they
are wanted; on a CPU both tiers are the same memory and nothing is copied.

What is lent stays as it is until its lease ends. Who wants the same shares it; who wants something
else gets a module of its own where memory allows, else waits, holding nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch

from studio.domain.errors import OutOfMemory, is_out_of_memory
from studio.domain.refs import ModelRef, Selection
from studio.residence import device as devices
from studio.residence import memory, seating
from studio.residence.cache import WeightCache, key_of
from studio.residence.lease import InUse, Lease, Seat
from studio.residence.loras import LoraCache
from studio.residence.networks import Networks
from studio.residence.pool import Plan, SlotPool, Want
from studio.residence.previews import PreviewModels
from studio.residence.slot import Slot, own_for
from studio.weights import embeddings, loader
from studio.weights.loader import Models, Weights


class ModelManager:
    """To be used by the device's one thread only; `state`, `warm` and `most_room` from any.
    `networks` are those that are lent by themselves.

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
        self._loras = LoraCache()
        self._previews = PreviewModels(self.device, self.dtype)
        self._pool = SlotPool(self.device, self.dtype)
        self.networks = Networks(self.device, self.make_room)
        self._leases: list[Lease] = []
        self._reader: Lease | None = None
        self._last: Seat | None = None
        self._loading: tuple[str, float] | None = None

    @property
    def is_fp8(self) -> bool:
        """Whether weights are kept in 8 bits, of which other pictures come."""
        return self._wanted_mode == "fp8"

    @property
    def stays(self) -> bool:
        """Whether all that is lent lies on the device in full size, as far as is known before it
        is lent (`Lease.stays`)."""
        if self.device.type == "cpu":
            return not self.is_fp8
        return (self._mode if self._wanted_mode == "auto" else self._wanted_mode) == "device"

    @property
    def dtype_name(self) -> str:
        """As on the command line: "float16"."""
        return str(self.dtype).removeprefix("torch.")

    @property
    def precision(self) -> str:
        """For people: "float16", and how weights are kept where that is otherwise."""
        return f"{self.dtype_name}, weights in fp8" if self.is_fp8 else self.dtype_name

    @property
    def state(self) -> tuple[str | None, str, float]:
        """(checkpoint, "cold" | "loading" | "warm", fraction loaded)."""
        loading, last = self._loading, self._last
        if loading:
            return loading[0], "loading", loading[1]
        return (last.models.ref.name, "warm", 1.0) if last else (None, "cold", 0.0)

    def borrow(self, selection: Selection, owner: object, alone: bool = False) -> Lease:
        """A lease on `selection` for `owner`, to be seated by `prepare`. `alone`: only while
        nobody else holds anything."""
        return Lease(owner, selection, alone, self._ended)

    def prepare(self, lease: Lease) -> Iterator[tuple[str, float]]:
        """Seat `lease`, yielding (stage, fraction) while files are read and, with the stage
        "waiting for …", again and again while others hold what it needs.

        Yields nothing if all of it is in memory. Raises `CheckpointError` where files are missing
        or broken, `InvalidRequest` where they don't fit together, `OutOfMemory` where they don't
        fit in though nobody holds anything; what was ready before still is, or is read again when
        asked for.
        """
        while lease.seat is None:
            over = None
            try:
                yield from self._attempt(lease)
            except InUse as in_use:  # and let go of it: its traceback holds modules
                lease.waits_for, over = str(in_use), in_use.over
            while over and not over():
                yield f"waiting for {lease.waits_for}", 0.0
            lease.waits_for = None

    @contextmanager
    def lease(self, selection: Selection) -> Iterator[Models]:
        """Borrow `selection` at once. Raises as `prepare` does, and RuntimeError where it would
        have to wait, since whoever holds what it needs would never go on."""
        owner = _Caller()
        with self.borrow(selection, owner) as lease:
            with (
                torch.inference_mode()
            ):  # as whoever else prepares: tensors of both kinds don't mix
                for _ in self.prepare(lease):
                    if lease.waits_for:
                        name = selection.checkpoint.name
                        raise RuntimeError(f"{name} waits for {lease.waits_for}")
            yield lease.models

    def is_lent_to_others(self, owner: object) -> bool:
        """Whether anybody but `owner` holds anything."""
        return any(lease.owner is not owner for lease in self._leases)

    def room(self, needed_bytes: int) -> int:
        """Bytes that a drawing may take beside the models that are lent. Where `needed_bytes` do
        not fit into what is free, but fit if others are given up that nobody holds, these are; a
        device other than the host gives them up when it runs out."""
        if self.device.type != "cpu":
            kept = () if self._wanted_mode == "auto" else self._lent_slots()
            idle = self._pool.resident_bytes(besides=kept) + self.networks.idle_bytes
            return memory.free_device_bytes(self.device) + idle
        free_bytes, lent = memory.free_host_bytes(), self._lent_keys()
        idle = self._cache.size_bytes - self._cache.size_of(lent) + self.networks.idle_bytes
        if free_bytes < needed_bytes <= free_bytes + idle:
            self._drop_idle()
            self._cache.clear(lent)
        return free_bytes + idle

    def most_room(self) -> int:
        """Bytes that a drawing may take if nothing else is drawn; gives nothing up. From any
        thread."""
        if self._leases:  # what is free now is what these have left
            return memory.all_device_bytes(self.device)
        if self.device.type != "cpu":
            return memory.free_device_bytes(self.device) + self._pool.resident_bytes(besides=())
        return memory.free_host_bytes() + self._cache.size_bytes

    def be_thriftier(self) -> bool:
        """After running out of device memory: free what nobody holds and use less from now on.

        False if there is no thriftier mode left to try.
        """
        following = memory.thriftier(self._mode) if self.device.type != "cpu" else None
        may_change = self._wanted_mode == "auto" and following is not None
        if may_change:
            self._wanted_mode = following
        self._drop_idle()
        self.free()
        return may_change

    def release(self) -> None:
        """Give back all memory that is not lent."""
        self._drop_idle()
        self._cache.clear(self._lent_keys())
        self._loras.clear()
        self._previews.clear()
        self.warm = self._names()
        self.free()

    def free(self) -> None:
        """Return what nobody uses to the device, as after running out of memory."""
        memory.give_back(self.device)

    def _attempt(self, lease: Lease) -> Iterator[tuple[str, float]]:
        """Seat `lease` if that can be now. Raises `InUse` where it cannot, and as `prepare`."""
        self._check_may_enter(lease)
        seats = [held.seat for held in self._leases] + [self._last]
        seat = next((s for s in seats if s and s.models.selection == lease.selection), None)
        if seat is not None:
            self._lend(lease, seat)
            return
        self._reader = lease
        try:
            for ref in seating.whole(lease.selection):
                yield from self._read(ref, lease.selection)
            self._lend(lease, self._seat(lease.selection))
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            if self._leases:
                self._drop_idle()
                self.free()
                raise self._held_by_others() from None
            self.release()
            place = "this computer" if self.device.type == "cpu" else self.device
            raise OutOfMemory(
                f"{lease.selection.checkpoint.name} does not fit into the memory of {place}. "
                "Close other programs that use it, or choose a smaller checkpoint."
            ) from None
        finally:
            if self._reader is lease:
                self._reader = self._loading = None
            self.warm = self._names()

    def _check_may_enter(self, lease: Lease) -> None:
        """Files are read for one at a time: what is free is measured before, and taken after."""
        if (reader := self._reader) is not None:
            name = reader.selection.checkpoint.name
            raise InUse(f"{name} to be loaded", lambda: self._reader is not reader)
        thrifty = self._wanted_mode not in ("auto", *memory.RESIDENT)
        among = any(held.is_exclusive for held in self._leases)
        if self._leases and (lease.alone or among or (thrifty and self.device.type != "cpu")):
            raise self._held_by_others()

    def _held_by_others(self) -> InUse:
        holders = tuple(self._leases)
        names = dict.fromkeys(held.selection.checkpoint.name for held in holders)
        return InUse(
            f"{' and '.join(names)} to be given back", lambda: any(held.ended for held in holders)
        )

    def _lend(self, lease: Lease, seat: Seat) -> None:
        lease.seat = self._last = seat
        self._mode = seat.mode
        self._leases.append(lease)

    def _ended(self, lease: Lease) -> None:
        if lease in self._leases:
            self._leases.remove(lease)
        if self._reader is lease:
            self._reader = self._loading = None

    def _read(self, ref: ModelRef, selection: Selection) -> Iterator[tuple[str, float]]:
        """Bring the weights of `ref` into host memory, if they are not there."""
        key = key_of(ref)
        if key in self._cache:
            return
        # Its bytes are kept in our dtype; what is in use now may have to go too.
        size_bytes = ref.file.size_bytes * self.dtype.itemsize // devices.itemsize(ref.facts.dtype)
        own, lent = set(map(key_of, seating.whole(selection))), self._lent_keys()
        if size_bytes > memory.free_host_bytes() - memory.host_reserve_bytes():
            self.networks.clear()
        if not self._cache.make_room(size_bytes, keep=own | lent) and lent - own:
            raise self._held_by_others()
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

    def _seat(self, selection: Selection) -> Seat:
        """Put the weights into modules that are not lent. All that can be refused is refused
        before anything is changed. Raises `InUse` where memory does not allow it now."""

        def weights(ref: ModelRef) -> Weights:
            return self._cache.get(key_of(ref))

        own, family = weights(selection.checkpoint), selection.checkpoint.family
        reader = weights(selection.text_encoder) if selection.text_encoder else own
        patches, remarks = self._loras.patches(selection.loras, own)
        wanted = seating.wanted(selection, weights, patches)
        vectors, warnings = embeddings.read_fitting(selection.embeddings, family, own.parts)
        mode, plan = self._planned(wanted)
        self._last = None
        slots = self._pool.fill(wanted, plan, mode)
        modules = {part: slot.module for part, slot in slots.items()}
        decoder = self._previews.decoder(selection.checkpoint)
        models = Models(
            ref=selection.checkpoint,
            selection=selection,
            tokenizers=reader.tokenizers,
            text_encoders=_named(modules, "text_encoder"),
            backbone=modules[family.backbone],
            vae=modules["vae"],
            embeddings=vectors,
            preview_decoder=decoder,
            tiny_vae=None if decoder else self._previews.tiny_vae(selection.tiny_vae),
            controlnets=_named(modules, "controlnet "),
            image_encoders=_named(modules, "image_encoder "),
            warnings=(*warnings, *remarks),
        )
        return Seat(models, slots, mode)

    def _planned(self, wanted: dict[str, Want]) -> tuple[str, Plan]:
        """The mode to live by and a slot for each part, with room made for them. Raises `InUse`
        where others hold too much for that."""
        lent, is_fp8 = self._lent_slots(), self._wanted_mode == "fp8"
        if self.device.type == "cpu":
            mode = "fp8" if is_fp8 else "device"
            plan = self._pool.plan(wanted, mode, lent)
            new = [want for part, want in wanted.items() if plan[part] not in lent]
            needed = sum(want.copied_bytes(mode) for want in new) if lent else 0
            if needed > 0 and needed > memory.free_host_bytes() - memory.host_reserve_bytes():
                raise self._held_by_others()
            return mode, plan
        if not memory.fits(
            sum(seating.sizes(wanted).values()), memory.free_device_bytes(self.device)
        ):
            self.networks.clear()
        free_bytes = memory.free_device_bytes(self.device)
        if lent:
            mode = "fp8" if is_fp8 else "device"
        elif self._wanted_mode == "auto":
            idle = self._pool.resident_bytes(besides=())
            mode = memory.mode_for(free_bytes + idle, seating.sizes(wanted))
        else:
            mode = self._wanted_mode
        plan = self._pool.plan(wanted, mode, lent)
        new = [w for part, w in wanted.items() if not (plan[part] and plan[part].on_device)]
        needed = sum(want.size_bytes for want in new)
        kept = lent | {slot for slot in plan.values() if slot}
        idle = self._pool.resident_bytes(besides=kept)
        if lent and needed and not memory.fits(needed, free_bytes + idle):
            raise self._held_by_others()
        if idle and (mode not in memory.RESIDENT or not memory.fits(needed, free_bytes)):
            self._drop(lambda slot: slot not in kept)
        return mode, plan

    def make_room(self, name: str, needed: int) -> None:
        """For a network that is lent by itself. Raises `OutOfMemory` where there are no `needed`
        bytes for it, though others that nobody holds went."""
        if self.device.type != "cpu" and needed > memory.free_device_bytes(self.device):
            self._drop_idle()
            self.free()
        if needed > self.room(needed):
            raise OutOfMemory(
                f"{name} takes {needed / memory.GIB:.1f} GiB of memory, which are not free. "
                "Close other programs that use it, or choose a smaller network."
            )

    def _host_budget(self) -> int:
        if self._host_bytes is not None:
            return self._host_bytes
        return self._cache.size_bytes + memory.free_host_bytes() - memory.host_reserve_bytes()

    def _names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(weights.ref.name for weights in self._cache))

    def _lent_slots(self) -> set[Slot]:
        return {slot for lease in self._leases for slot in lease.seat.slots.values()}

    def _lent_keys(self) -> set[object]:
        return {key_of(ref) for held in self._leases for ref in seating.whole(held.selection)}

    def _forget(self, weights: Weights) -> None:
        """`weights`, which are not lent, leave the cache: no module may keep them alive."""
        self._previews.forget(weights.ref)
        self._drop(lambda slot: any(map(slot.keeps_alive, weights.parts.values())))

    def _drop_idle(self) -> None:
        lent = self._lent_slots()
        self._drop(lambda slot: slot not in lent)
        self.networks.clear()

    def _drop(self, goes: Callable[[Slot], bool]) -> None:
        gone = self._pool.drop(goes)
        if self._last and set(gone) & set(self._last.slots.values()):
            self._last = None


class _Caller:
    """Owns a lease for the length of a `with` block."""


def _named(modules: Mapping[str, torch.nn.Module], beginning: str) -> tuple[torch.nn.Module, ...]:
    return tuple(module for part, module in modules.items() if part.startswith(beginning))

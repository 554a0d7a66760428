"""The modules there are: one of each shape, and another where that one is lent."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from studio.residence import memory
from studio.residence.slot import Patch, Slot, Tensors
from studio.weights import modules


@dataclass(frozen=True, eq=False)
class Want:
    """One part of a selection as it shall be: a module of this `kind` ("unet", "controlnet", …)
    and configuration with `tensors` in it (host memory, by weight name), `patches` merged in.
    The backbone is what is kept small, or streamed, where memory is short."""

    kind: str
    config: Mapping[str, Any]
    tensors: Tensors
    patches: tuple[Patch, ...] = ()
    is_backbone: bool = False

    @property
    def size_bytes(self) -> int:
        return sum(tensor.nbytes for tensor in self.tensors.values())

    def copied_bytes(self, mode: str) -> int:
        """What a module of it costs on a CPU, where it points at the weights in host memory: those
        that the patches change, and those kept in eight bits, are copies."""
        if self.is_backbone and mode == "fp8":
            return self.size_bytes
        keys = {key for patch in self.patches for key in patch.deltas}
        return sum(self.tensors[key].nbytes for key in keys)


Plan = dict[str, Slot | None]
"""Part -> the slot that it gets, None for one that is to be built."""


class SlotPool:
    """Slots on `device`; `dtype` is what the weights of a thrifty backbone are widened to."""

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        self._device, self._dtype = device, dtype
        self._slots: dict[Hashable, list[Slot]] = {}

    def __iter__(self) -> Iterator[Slot]:
        return iter([slot for slots in self._slots.values() for slot in slots])

    def plan(self, wanted: Mapping[str, Want], mode: str, lent: Collection[Slot]) -> Plan:
        """A slot for each part that holds already what is wanted, whoever else uses it; else one
        that is not `lent`; else None. Nothing is changed."""
        alike = {part: self._slots.get(self._key(w, mode), []) for part, w in wanted.items()}
        plan: Plan = dict.fromkeys(wanted)
        for part, want in wanted.items():  # before any of these is given to another part
            fitting = (slot for slot in alike[part] if slot.has(want.tensors, want.patches))
            plan[part] = next((slot for slot in fitting if slot not in plan.values()), None)
        for part, want in wanted.items():
            if plan[part] is None:
                free = [s for s in alike[part] if s not in lent and s not in plan.values()]
                free.sort(key=lambda slot: not slot.holds(want.tensors))
                plan[part] = free[0] if free else None
        return plan

    def fill(self, wanted: Mapping[str, Want], plan: Plan, mode: str) -> dict[str, Slot]:
        """Carry out `plan`: part -> slot, filled, and on the device where the mode has it there.
        Raises what `is_out_of_memory` knows where it does not fit."""
        slots = {}
        for part, want in wanted.items():
            slot = plan[part] or self._built(want, mode)
            if not slot.has(want.tensors, want.patches):
                slot.fill(want.tensors, want.patches)
            slots[part] = slot
        for slot in slots.values():
            if mode in memory.RESIDENT or slot.device.type == "cpu":
                slot.bring()
        return slots

    def resident_bytes(self, besides: Collection[Slot | None]) -> int:
        """What all slots but these take on the device."""
        there = (slot for slot in self if slot.on_device and slot not in besides)
        return sum(slot.size_bytes for slot in there)

    def drop(self, goes: Callable[[Slot], bool]) -> list[Slot]:
        """Forget the slots of which `goes` is true: those that went."""
        gone = [slot for slot in self if goes(slot)]
        kept = {key: [s for s in slots if s not in gone] for key, slots in self._slots.items()}
        self._slots = {key: slots for key, slots in kept.items() if slots}
        return gone

    def _built(self, want: Want, mode: str) -> Slot:
        key = self._key(want, mode)
        *_, streamed, small_for = key
        room = partial(memory.room_for, mode, self._device) if streamed else None
        slot = Slot(want.kind, want.config, self._device, room=room, small_for=small_for)
        self._slots.setdefault(key, []).append(slot)
        return slot

    def _key(self, want: Want, mode: str) -> tuple[Hashable, ...]:
        shape = json.dumps(modules.canonical(want.config), sort_keys=True)
        small_for = self._dtype if want.is_backbone and mode == "fp8" else None
        streamed = mode if want.is_backbone and mode in memory.STREAMED else None
        return want.kind, shape, streamed, small_for

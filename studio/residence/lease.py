"""What a run borrows: it has an owner and an end, and between them nobody changes what is lent."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from studio.domain.refs import Selection
from studio.residence import memory
from studio.residence.slot import Slot
from studio.weights.loader import Models

Made = TypeVar("Made")

_MOST_MADE = 8
"""What was made under so many keys is kept with a seat: of texts some megabytes."""


class InUse(Exception):
    """What is needed is in use; the message says by what. `over()`: is it worth another try?"""

    def __init__(self, by: str, over: Callable[[], bool]) -> None:
        super().__init__(by)
        self.over = over


@dataclass(frozen=True, eq=False)
class Seat:
    """A selection in memory: its modules, the slots they sit in by the names of the parts, and
    the one of `memory.MODES` that they live by; `made`: see `Lease.once`."""

    models: Models
    slots: Mapping[str, Slot]
    mode: str
    made: OrderedDict[Hashable, Any] = field(default_factory=OrderedDict)


class Lease:
    """What `owner` borrows of a selection: nothing until `ModelManager.prepare` has seated it,
    nothing after `end`. It ends with its `with` block, however that is left, or when nobody knows
    its owner any more.

    alone       nobody else is to hold anything meanwhile
    waits_for   what keeps it from being seated; None: nothing does
    """

    def __init__(
        self, owner: object, selection: Selection, alone: bool, at_end: Callable[[Lease], None]
    ) -> None:
        self._owner = weakref.ref(owner, lambda _: self.end())
        self.selection, self.alone = selection, alone
        self.waits_for: str | None = None
        self.seat: Seat | None = None
        self.ended = False
        self._at_end = at_end

    @property
    def owner(self) -> object | None:
        return self._owner()

    @property
    def models(self) -> Models:
        """Raises RuntimeError unless it is seated."""
        if self.seat is None:
            raise RuntimeError("nothing is lent yet, or no longer")
        return self.seat.models

    @property
    def is_exclusive(self) -> bool:
        """Where parts come and go on the device, two runs would take them from each other."""
        return self.alone or (self.seat is not None and self.seat.mode not in memory.RESIDENT)

    @property
    def stays(self) -> bool:
        """Whether all of it lies on the device meanwhile, in full size."""
        return self.seat is not None and self.seat.mode == "device"

    def bring(self, *parts: str) -> None:
        """Have these parts on the device: the backbone (with the ControlNets, which work beside
        it), "image_encoder" (all of them) or others; those that it lacks are passed over.
        Where memory is short the other parts leave first."""
        if self.seat is None or self.seat.mode in memory.RESIDENT:
            return
        backbone = self.seat.models.ref.family.backbone
        more = {backbone: "controlnet ", "image_encoder": "image_encoder "}
        also = tuple(more[part] for part in parts if part in more)
        slots = self.seat.slots
        parts += tuple(part for part in slots if also and part.startswith(also))
        for part, slot in slots.items():
            if part not in parts:
                slot.send_away()
        for part in sorted(parts, key=lambda part: part == backbone):  # it takes what others leave
            if part in slots:
                slots[part].bring()

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What `make` makes of these models, and of what `key` tells, alone: kept of the last few
        keys as long as the models stay as they are, for whoever borrows them next too. Not to be
        changed. Raises RuntimeError as `models`, and as `make` does."""
        if self.seat is None:
            raise RuntimeError("nothing is lent yet, or no longer")
        made = self.seat.made
        if key not in made:
            made[key] = make()
        made.move_to_end(key)
        while len(made) > _MOST_MADE:
            made.popitem(last=False)
        return made[key]

    def end(self) -> None:
        """Give everything back. Harmless when it has ended."""
        if not self.ended:
            self.ended, self.seat = True, None
            self._at_end(self)

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, *raised: object) -> None:
        self.end()

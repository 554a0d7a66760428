"""LoRAs used last stay in memory, so that taking one on and off reads nothing."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from studio.domain.refs import LoraUse, ModelRef
from studio.residence.cache import key_of
from studio.residence.memory import GIB
from studio.residence.slot import Delta, Patch
from studio.weights import lora
from studio.weights.loader import Weights

_MOST_BYTES = 2 * GIB


@dataclass(frozen=True)
class _Held:
    """deltas    part -> name of a weight -> what is added to it
    warning   of what of it does not fit; "" if all does
    """

    deltas: Mapping[str, Mapping[str, Delta]]
    size_bytes: int
    warning: str


class LoraCache:
    def __init__(self) -> None:
        self._held: OrderedDict[Hashable, _Held] = OrderedDict()

    def patches(
        self, uses: tuple[LoraUse, ...], own: Weights
    ) -> tuple[dict[str, tuple[Patch, ...]], tuple[str, ...]]:
        """(part of `own` -> what the LoRAs change in it, warnings). A weight of 0 changes nothing
        at all. Raises as `lora.read` does."""
        patches: dict[str, tuple[Patch, ...]] = {}
        warnings = []
        for use in uses:
            key, held = self._read(use.ref, own)
            warnings.append(held.warning)
            for part, deltas in held.deltas.items():
                scale = use.weight if part == own.ref.family.backbone else use.text_encoder_weight
                if scale:
                    patches[part] = (*patches.get(part, ()), Patch(key, deltas, scale))
        return patches, tuple(filter(None, warnings))

    def clear(self) -> None:
        """Modules that have them merged in keep what they need."""
        self._held.clear()

    def _read(self, ref: ModelRef, own: Weights) -> tuple[Hashable, _Held]:
        # What of it fits depends on the shapes of the checkpoint's weights.
        shapes = json.dumps(own.configs, sort_keys=True, default=str)
        key = (key_of(ref), own.ref.family.name, shapes)
        if key not in self._held:
            adapter = lora.read(ref, own.ref.family, own.parts)
            deltas: dict[str, dict[str, Delta]] = {}
            for (part, weight), delta in adapter.deltas.items():
                deltas.setdefault(part, {})[weight] = delta
            self._held[key] = _Held(deltas, adapter.size_bytes, adapter.warning)
            while len(self._held) > 1 and self._size_bytes() > _MOST_BYTES:
                self._held.popitem(last=False)
        self._held.move_to_end(key)
        return key, self._held[key]

    def _size_bytes(self) -> int:
        return sum(held.size_bytes for held in self._held.values())

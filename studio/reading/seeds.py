"""Seeds as AUTOMATIC1111 and others write them."""

from __future__ import annotations

from studio.domain.geometry import CELL, MOST
from studio.reading.draft import Draft, as_number

_STRENGTH = "Variation seed strength"
_FROM = "Seed resize from"


def read_seeds(left: dict[str, str], draft: Draft, ours: bool) -> None:
    """Takes out of `left` what it reads. Of a batch of ours, with the place in it: then the same
    bytes come again."""
    if "Seed" in left:
        draft.seed("Seed", left.pop("Seed"))
    varies = _read_variation(left, draft)
    _read_first_size(left, draft)
    size, place = (as_number(left.get(name)) for name in ("Batch size", "Batch pos"))
    counting = "variation_seed" if varies else "seed"
    seed = draft.request.get(counting)
    if ours and seed is not None and size and place is not None and 0 <= place <= seed:
        draft.request[counting] = seed - int(place)
        draft.put("batch_place", int(place), "Batch pos")
        draft.number("Batch size", left.pop("Batch size"), "batch_size")
        left.pop("Batch pos")


def _read_variation(left: dict[str, str], draft: Draft) -> bool:
    """Whether the noise varies."""
    seed, strength = left.pop("Variation seed", None), left.pop(_STRENGTH, None)
    if strength is None or as_number(strength) == 0:
        draft.understood += [
            name for name, value in (("Variation seed", seed), (_STRENGTH, strength)) if value
        ]
        return False
    draft.number(_STRENGTH, strength, "variation_strength")
    if seed is not None:
        draft.seed("Variation seed", seed, "variation_seed")
    return bool(draft.request.get("variation_strength"))


def _read_first_size(left: dict[str, str], draft: Draft) -> None:
    """What is less than a latent cell is left out, as there."""
    if _FROM not in left:
        return None
    text = left.pop(_FROM)
    sides = [as_number(side) for side in text.partition("x")[::2]]
    if None in sides:
        return draft.ignore(_FROM, text, "It is no size.")
    cells = [int(side // CELL) for side in sides]
    if min(cells) < 1:
        return draft.understood.append(_FROM)
    if max(cells) * CELL > MOST:
        return draft.ignore(_FROM, text, f"Sides are at most {MOST} pixels here.")
    draft.put("seed_resize_from_width", cells[0] * CELL, _FROM)
    draft.put("seed_resize_from_height", cells[1] * CELL, _FROM)
    return None

"""What is where in a picture: as a label, as a detector sees it, and how well both agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from studio.domain.detailers import Found
from studio.domain.geometry import Box, Size
from studio.imaging import outlines


@dataclass(frozen=True)
class Label:
    """One thing of a picture.

    name      its class
    box       in pixels, within the picture
    polygon   its outline, flat (x, y, x, y, …) in pixels; () where only the box is known
    agreement overlap (IoU, 0 to 1) of the box with what was seen there; None: nobody looked
    seen      what it was seen as, "" for nothing
    """

    name: str
    box: Box
    polygon: tuple[int, ...] = ()
    agreement: float | None = None
    seen: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "class": self.name,
            "box": list(self.box),
            "polygon": list(self.polygon),
            "agreement": None if self.agreement is None else round(self.agreement, 4),
            "seen": self.seen,
        }

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Label:
        """Raises KeyError, TypeError and ValueError for what is none."""
        return cls(
            str(told["class"]),
            Box(*(int(side) for side in told["box"])),
            tuple(int(number) for number in told.get("polygon", ())),
            told.get("agreement"),
            str(told.get("seen", "")),
        )

    def outline(self) -> tuple[int, ...]:
        """Its polygon, or the box's corners."""
        left, top, right, bottom = self.box
        return self.polygon or (left, top, right, top, right, bottom, left, bottom)


@dataclass(frozen=True)
class Agreement:
    """What a second look came to. `strays` are things of the classes that no label speaks of."""

    labels: tuple[Label, ...]
    strays: tuple[Label, ...] = ()

    @property
    def least(self) -> float:
        """Of all labels; 0 where there are strays, 1 for a picture that is empty as it should."""
        return 0.0 if self.strays else min((one.agreement or 0.0 for one in self.labels), default=1)


def of_mask(name: str, mask: np.ndarray) -> Label | None:
    """The label of what `mask`, (height, width), covers; None where that is nothing."""
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return None
    box = Box(*map(int, (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)))
    found = outlines.polygons(mask)
    return Label(
        name, box, tuple(number for point in found[0] for number in point) if found else ()
    )


def iou(one: Sequence[int], other: Sequence[int]) -> float:
    """Intersection over union of two boxes."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return both / (sum(areas) - both)


def compared(labels: Sequence[Label], found: Sequence[Found], names: dict[str, str]) -> Agreement:
    """`labels` held against what was found. `names` says which class a thing found is of, by what
    the detector calls it in small letters; others do not count."""
    pairs = sorted(
        (
            (iou(label.box, thing.box), a, b)
            for a, label in enumerate(labels)
            for b, thing in enumerate(found)
        ),
        reverse=True,
    )
    matched: dict[int, tuple[float, int]] = {}
    for overlap, a, b in pairs:
        if overlap > 0 and a not in matched and b not in {taken for _, taken in matched.values()}:
            matched[a] = overlap, b
    seen = []
    for place, label in enumerate(labels):
        overlap, b = matched.get(place, (0.0, -1))
        called = found[b].label if b >= 0 else ""
        is_it = names.get(called.casefold()) == label.name
        seen.append(replace(label, agreement=overlap if is_it else 0.0, seen=called))
    taken = {b for _, b in matched.values()}
    strays = [
        Label(names[thing.label.casefold()], thing.box, seen=thing.label)
        for b, thing in enumerate(found)
        if b not in taken and thing.label.casefold() in names
    ]
    return Agreement(tuple(seen), tuple(strays))


def clipped(box: Sequence[float], size: Size) -> Box:
    """`box` in whole pixels, within a picture of `size`. Raises ValueError for one outside."""
    left, top, right, bottom = (round(side) for side in box)
    whole = Box(max(0, left), max(0, top), min(size[0], right), min(size[1], bottom))
    if whole.left >= whole.right or whole.top >= whole.bottom:
        raise ValueError(f"the box {list(box)} is not within {size[0]} × {size[1]} pixels.")
    return whole

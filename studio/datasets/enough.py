"""Are there pictures enough for the splits and classes of a specification? Told before anything is
drawn."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from studio.datasets.plan import PlannedPicture, groups_needed
from studio.datasets.spec import DatasetSpec
from studio.domain.errors import InvalidRequest

MOST_LOOKED_AT = 5000
"""Pictures of a plan: what is so rare that none of them has it is not looked for."""


def check(
    spec: DatasetSpec, planned: Iterator[PlannedPicture], chosen: bool, groups: Sequence[int]
) -> None:
    """Raises `InvalidRequest` where a split that has a share would be empty, or a class be in none
    of the training pictures, and says how many pictures, or photos, it takes.

    planned  those of `spec`, but `MOST_LOOKED_AT` of them
    chosen   classes are chosen by weight; else pictures show what they show
    groups   of the photos that things are painted into, by turns; empty where none are
    """
    splits = {split for split, share in spec.split.shares().items() if share}
    classes = set(spec.names) if chosen and spec.negatives < 1 else set()
    lacks = ""
    for each in planned:
        if each.number == spec.count:
            lacks = _lacking(spec, splits, classes)
        splits.discard(each.split)
        if each.split == "train":
            classes.difference_update(thing.name for thing in each.things)
        if not splits and not classes:
            if each.number < spec.count:
                return
            raise InvalidRequest(
                f"too few pictures: {lacks}. It takes {each.number + 1} at least{_or(spec)}.",
                "count",
            )
        if splits and each.number + 1 == len(groups):
            raise InvalidRequest(
                f"too few photos that differ: {_lacking(spec, splits, ())}, as what is made of one "
                f"photo is in one split. {_takes(spec, len(set(groups)))}{_or(spec)}.",
                "photos",
            )


def _lacking(spec: DatasetSpec, splits: Collection[str], classes: Collection[str]) -> str:
    """What there would be none of, in the specification's order."""
    if splits:
        named = [split for split in spec.split.shares() if split in splits]
        return f"none would be in {' and '.join(named)}"
    named = [name for name in spec.names if name in classes]
    more = f" and {len(named) - 3} more" if len(named) > 3 else ""
    return f"none in train would show {', '.join(named[:3])}{more}"


def _takes(spec: DatasetSpec, there: int) -> str:
    """How many photos it takes, beside those that are `there`."""
    least = groups_needed(spec, MOST_LOOKED_AT)
    if least is None:
        return f"Add more to these {there}"
    are = "this is 1" if there == 1 else f"these are {there}"
    return f"It takes {least} that differ, {are}: add {least - there} more"


def _or(spec: DatasetSpec) -> str:
    """What else can be done."""
    shares = spec.split.shares()
    if shares["val"] or shares["test"]:
        return ", or to have no val and test say split: {train: 1, val: 0, test: 0}"
    return ""

"""Where and in which words a field of the request is shown, said at its declaration."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shown:
    """Stands in a field's `Annotated`.

    group     the group of settings on the page
    summary   its words in the folded group's header: {} is the value, {label} a menu's entry in
              small letters; "" for none
    infotext  its label in the infotext, where that has no rule of its own; "" for none
    always    whether the default is told, too
    place     the order in the group, before that of the declarations
    """

    group: str
    summary: str = ""
    infotext: str = ""
    always: bool = False
    place: int = 0

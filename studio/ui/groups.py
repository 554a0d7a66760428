"""The settings in groups that fold: which fields stand where."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from studio.domain.request import PARTS, GenerationRequest, declaration
from studio.domain.shown import Shown
from studio.domain.tasks import TASKS
from studio.ui import fields
from studio.ui.tasks import TABS
from studio.ui.templates import icon, include, text, word


@dataclass(frozen=True)
class Group:
    """A group of settings. A field says at its declaration to which one it belongs.

    kinds   the tasks that have it, where its fields do not say; () for all
    folded  whether it is folded until somebody unfolds it
    open    the tasks that are about it: there it is not folded
    above   a file of `static/` that stands above the fields
    below   one that stands below them
    """

    title: str
    kinds: tuple[str, ...] = ()
    folded: bool = False
    open: tuple[str, ...] = ()
    above: str = ""
    below: str = ""

    @property
    def fields(self) -> tuple[str, ...]:
        """Their names, in order."""
        return tuple(name for name, shown in _shown() if shown.group == self.title)

    @property
    def shown_for(self) -> list[str]:
        """The tasks that have it; [] for all."""
        own = {kind for name in self.fields for kind in fields.kinds(name)}
        return [kind for kind in TABS if kind in own or kind in self.kinds]


_DRAWN = tuple(kind for kind in TABS if kind != "upscale")

GROUPS = (
    Group("Upscale"),
    Group("Refine"),
    Group("Change"),
    Group("Mask"),
    Group("Sampling"),
    Group(
        "Size",
        kinds=tuple(
            kind for kind, tab in TABS.items() if tab.canvas != "frame" and kind != "upscale"
        ),
        folded=True,
        above="settings/sizes.html",
    ),
    Group("Hires. fix", folded=True),
    Group("Refiner", folded=True),
    Group("Seed and batch", below="run/repeat.html"),
    Group("Variation", folded=True),
    Group(
        "Many pictures",
        kinds=tuple(kind for kind, tab in TABS.items() if tab.many),
        folded=True,
        above="run/many.html",
    ),
    Group("X/Y/Z plot", kinds=tuple(TABS), folded=True, above="run/grid.html"),
    Group("Prompt matrix", kinds=_DRAWN, folded=True, above="run/matrix.html"),
    Group("Prompts from a text", kinds=_DRAWN, folded=True, above="run/prompts.html"),
    Group("LoRA"),
    Group("ControlNet units"),
    Group("Details", folded=True, open=("details",)),
    Group("Advanced", folded=True),
)
"""In the order of the page."""


@cache
def _shown() -> list[tuple[str, Shown]]:
    """The fields that stand in a group, of the request, of all tasks and of the records within
    the request: those declared first come first, unless they say another place."""
    found: dict[str, Shown] = {}
    for model, kind in ((GenerationRequest, None), *((TASKS[kind], kind) for kind in TASKS)):
        for name in model.model_fields:
            shown = declaration(name, kind).shown
            if shown:
                found.setdefault(name, shown)
    for part, record in PARTS.items():
        for name in record.model_fields:
            shown = declaration(f"{part}.{name}").shown
            if shown:
                found[f"{part}_{name}"] = shown
    return sorted(found.items(), key=lambda item: item[1].place)


@word
def groups() -> str:
    """All of them, as HTML."""
    return "\n".join(map(_group, GROUPS))


def _group(group: Group) -> str:
    above = include(group.above) if group.above else ""
    controls = "\n".join(map(fields.control, group.fields))
    below = include(group.below) if group.below else ""
    return (
        f'<section class="group{" folded" if group.folded else ""}" data-part="group" '
        f'data-group="{text(group.title)}">'
        '<button type="button" class="group-head" aria-expanded="true">'
        f'<span>{text(group.title)}</span><span class="summary"></span>{icon("chevron")}</button>'
        f"{above}{controls}{below}</section>"
    )


def field_names() -> tuple[str, ...]:
    """All fields that have a control."""
    names = ("checkpoint", "prompt", "negative_prompt", "styles")
    return names + tuple(name for group in GROUPS for name in group.fields)

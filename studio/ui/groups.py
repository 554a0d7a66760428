"""The settings in groups that fold: which fields stand where."""

from __future__ import annotations

from dataclasses import dataclass

from studio.ui import fields
from studio.ui.tasks import TABS
from studio.ui.templates import icon, include, text, word


@dataclass(frozen=True)
class Group:
    """A group of settings.

    fields  their names, in order
    kinds   the tasks that have it, where its fields do not say; () for all
    folded  whether it is folded until somebody unfolds it
    above   a file of `static/` that stands above the fields
    """

    title: str
    fields: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    folded: bool = False
    above: str = ""

    @property
    def shown_for(self) -> list[str]:
        """The tasks that have it; [] for all."""
        own = {kind for name in self.fields for kind in fields.kinds(name)}
        return [kind for kind in TABS if kind in own or kind in self.kinds]


GROUPS = (
    Group("Change", ("strength", "feather", "resize_mode", "color_correction")),
    Group(
        "Mask",
        ("area", "padding", "masked_content", "mask_blur", "mask_grow", "invert", "soft"),
    ),
    Group(
        "Size",
        ("width", "height"),
        kinds=tuple(kind for kind, tab in TABS.items() if tab.canvas != "frame"),
        above="settings/sizes.html",
    ),
    Group("Sampling", ("scheduler", "noise_schedule", "steps", "guidance_scale")),
    Group("Seed and batch", ("seed", "batch_size")),
    Group(
        "Many pictures",
        kinds=tuple(kind for kind, tab in TABS.items() if tab.many),
        folded=True,
        above="run/many.html",
    ),
    Group("LoRA", ("loras",)),
    Group("ControlNet units", ("controls",)),
    Group(
        "Advanced",
        (
            "vae",
            "guidance_rescale",
            "clip_skip",
            "eta",
            "s_churn",
            "s_tmin",
            "s_tmax",
            "s_noise",
        ),
        folded=True,
    ),
)
"""In the order of the page."""


@word
def groups() -> str:
    """All of them, as HTML."""
    return "\n".join(map(_group, GROUPS))


def _group(group: Group) -> str:
    above = include(group.above) if group.above else ""
    controls = "\n".join(map(fields.control, group.fields))
    return (
        f'<section class="group{" folded" if group.folded else ""}" data-part="group" '
        f'data-group="{text(group.title)}">'
        '<button type="button" class="group-head" aria-expanded="true">'
        f'<span>{text(group.title)}</span><span class="summary"></span>{icon("chevron")}</button>'
        f"{above}{controls}</section>"
    )


def field_names() -> tuple[str, ...]:
    """All fields that have a control."""
    names = ("checkpoint", "prompt", "negative_prompt")
    return names + tuple(name for group in GROUPS for name in group.fields)

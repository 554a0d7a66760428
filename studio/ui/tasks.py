"""What the page knows of the tasks, said once: each has a tab whose address has dashes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from studio.ui.templates import word

Canvas = Literal["picture", "mask", "frame"]


@dataclass(frozen=True)
class TaskTab:
    """A task as the page shows it.

    canvas  what it begins with: a picture, one with a mask over it, one with a frame around it, or
            words alone (None)
    many    whether it may be run over many pictures and in rounds
    sketch  whether colours may be painted over the picture
    """

    label: str
    canvas: Canvas | None = None
    many: bool = False
    sketch: bool = False


TABS = {
    "text_to_image": TaskTab("Text to image"),
    "image_to_image": TaskTab("Image to image", canvas="picture", many=True, sketch=True),
    "inpaint": TaskTab("Inpaint", canvas="mask", many=True, sketch=True),
    "outpaint": TaskTab("Outpaint", canvas="frame"),
    "upscale": TaskTab("Upscale", canvas="picture", many=True),
    "details": TaskTab("Details", canvas="picture", many=True),
}
"""In the order of the tabs."""

EDITING = [kind for kind, tab in TABS.items() if tab.canvas]
"""Those that begin with a picture."""


@word
def task_links() -> str:
    """Their tabs."""
    return "".join(
        f'<a href="#{kind.replace("_", "-")}">{tab.label}</a>' for kind, tab in TABS.items()
    )


@word
def task_entries() -> str:
    """A menu's entry for each."""
    return "".join(
        f'<button type="button" data-kind="{kind}">{tab.label}</button>'
        for kind, tab in TABS.items()
    )

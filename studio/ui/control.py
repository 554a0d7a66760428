"""ControlNet units: the panel that the ControlNet tab shows in the picture's place and the other
tabs among the settings, and the sheet that control pictures are drawn on.

There is one panel, which moves between the two places, so a unit is the same everywhere. No pixel
passes through Gradio: pictures go to the studio's own routes, and so do requests for maps.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from studio.picturebook.control_palette import PALETTE
from studio.ui import markup_control, theme


def stage() -> gr.HTML:
    """Where the panel is while the ControlNet tab shows."""
    return gr.HTML(
        html_template=markup_control.STAGE,
        js_on_load=theme.on_load("controlStage"),
        apply_default_css=False,
    )


def editor() -> gr.HTML:
    """The sheet for drawing, hidden until a unit asks for it."""
    return gr.HTML(
        html_template=markup_control.EDITOR,
        js_on_load=theme.on_load("controlEditor"),
        apply_default_css=False,
    )


def palettes() -> dict[str, list[dict[str, Any]]]:
    """Family of checkpoints -> the colours of what its segmentation ControlNets know, as the
    scripts take them: `name` and `colour` (#rrggbb)."""
    colours = [{"name": name, "colour": "#" + bytes(rgb).hex()} for name, rgb in PALETTE.items()]
    return {"picturebook": colours}

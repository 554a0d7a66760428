"""The canvas of an editing tab: a picture, with a mask painted over it or a frame to be filled.

It is a `gr.HTML` with a constant template, so its DOM, and with it the mask, outlives tab switches
and whatever else happens on the page. `static/canvas/canvas.js` brings it to life; `sources.js`
there is what the rest of the page knows of it. No pixel passes through Gradio: pictures and masks
go to the studio's own routes.
"""

from __future__ import annotations

import gradio as gr

from studio.ui import markup_canvas, theme


def canvas(kind: str) -> gr.HTML:
    """The canvas of the task `kind`.

    image_to_image  shows the picture
    inpaint         has a mask painted over it, of the picture's own resolution; white is repainted
    outpaint        has a frame around it whose edges are dragged

    Raises KeyError for a task without a picture.
    """
    return gr.HTML(
        html_template=markup_canvas.CANVAS[kind],
        js_on_load=theme.on_load("canvas"),
        apply_default_css=False,
        kind=kind,
    )

"""The page: Gradio's frame, and in it our own HTML, which is the same for everybody.

What happens in the browser is in `static/` and talks to the studio's own API; Gradio's queue
carries nothing of it. `docs/page.md` says what is where.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import gradio as gr
from fastapi import FastAPI
from starlette.types import ASGIApp

from studio.ui import serving
from studio.ui.endpoints import OPTIONS, Calls, NamedEndpoints
from studio.ui.frame import ADOPT, PageFrame
from studio.ui.needed import OnlyNeeded

_QUEUE_PAUSE_S = 1.0
"""How long Gradio's queue sleeps before it looks again whether somebody asked for something. Its
own millisecond costs an idle studio a fifteenth of a core; nothing of ours goes through it."""

_FONT = (
    *("-apple-system", "Segoe UI", "Roboto", "Ubuntu", "Cantarell", "Noto Sans"),
    *("system-ui", "sans-serif"),
)
_FONT_MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")


def build_page() -> gr.Blocks:
    """Gradio's page with one component, whose content is ours."""
    with gr.Blocks(title="Latent Studio", fill_width=True, analytics_enabled=False) as blocks:
        gr.HTML(
            html_template='<div class="studio-frame"></div>',
            js_on_load=ADOPT,
            apply_default_css=False,
        )
    # As `blocks.queue(api_open=False, max_size=64)`, which builds all routes another time.
    blocks.api_open, blocks._queue.max_size = False, 64
    blocks._queue.sleep_when_free = _QUEUE_PAUSE_S
    blocks._queue.progress_update_sleep_when_free = _QUEUE_PAUSE_S
    return blocks


def mount(
    app: FastAPI,
    checkpoints: Callable[[], list[dict[str, Any]]],
    default_checkpoint: Callable[[], str | None],
    status: Callable[[], dict[str, Any]],
    calls: Calls,
    mcp: bool = False,
) -> FastAPI:
    """Serve the page at `/` of `app`.

    checkpoints         those that there are, as `GET /studio/v1/models` describes them
    default_checkpoint  the one to begin with
    status              what `/studio/v1/status` says of the engine
    calls               what Gradio's named endpoints do
    mcp                 whether they are MCP tools too
    """
    files = serving.Files()

    def head() -> str:
        return files.head(
            {
                "checkpoints": checkpoints(),
                "default_checkpoint": default_checkpoint(),
                "status": status(),
            }
        )

    app.router.routes.append(files.route)
    gr.mount_gradio_app(
        app,
        build_page(),
        path="/",
        footer_links=[],
        **OPTIONS,
        theme=gr.themes.Base(font=list(_FONT), font_mono=list(_FONT_MONO)),  # loads no font
    )
    mounted = app.routes[-1]
    framed = PageFrame(OnlyNeeded(mounted.app), head, serving.body)
    mounted.app = NamedEndpoints(framed, calls, partial(_tools, calls) if mcp else None)
    return app


def _tools(calls: Calls) -> ASGIApp:
    from studio.ui.mcp_tools import McpTools  # its package may be missing

    return McpTools(calls)

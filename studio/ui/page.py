"""The page: what stands where, and the one handler that sends a request on its way.

What happens in the browser afterwards (following the job, showing previews and results) is in
`static/run/` and talks to the job API; Gradio's queue carries nothing of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from typing import Any

import gradio as gr
from fastapi import FastAPI
from gradio.components import Component

from studio.domain.errors import StudioError
from studio.domain.noise_schedules import NOISE_SCHEDULES
from studio.domain.request import declaration
from studio.domain.schedulers import SCHEDULERS
from studio.domain.tasks import AREAS, MASKED_CONTENTS, RESIZE_MODES
from studio.jobs.queue import JobQueue
from studio.ui import control, fields, markup, markup_models, markup_viewer, theme
from studio.ui.canvas import canvas
from studio.ui.form import Form
from studio.ui.needed import OnlyNeeded

EDITING = [kind for kind in markup.TASKS if kind in fields.kinds("image")]
"""The tasks that begin with a picture, in the order of their tabs."""


def build_page(queue: JobQueue) -> gr.Blocks:
    """The page whose Generate button submits to `queue`."""
    form = Form()
    with gr.Blocks(title="Latent Studio", fill_width=True, analytics_enabled=False) as blocks:
        with gr.Column(elem_id="studio"):
            with gr.Column(elem_id="top-bar"):
                _part(None, markup.NAME)
                _part("tabs", markup.TABS)
                form.add("checkpoint", fields.choice("checkpoint"))
                _part("statusBar", markup.STATUS_BAR)
            with gr.Column(elem_id="prompt-bar"):
                form.add("prompt", fields.prose("prompt", "Describe the picture"))
                negative = fields.prose(
                    "negative_prompt", "What should not be in it", foldable=True
                )
                form.add("negative_prompt", negative)
                _part("badges", markup.BADGES)
                generate = _part("generate", markup.GENERATE, event="generate")
                form.add_task(_task())
            with gr.Column(elem_id="settings"):
                _settings(form)
            viewer = _part("viewer", markup_viewer.VIEWER)
            for kind in EDITING:
                with gr.Column(elem_classes=["source", kind]):
                    canvas(kind)
            with gr.Column(elem_classes=["source", "controlnet"]):
                control.stage()
            control.editor()
            _part("catalog", markup_models.CATALOG)
            _part("picker", markup_models.PICKER)

        def submit(values: Mapping[Component, Any]) -> dict[str, Any]:
            return _submit(queue, form, values)

        generate.generate(
            submit,
            form.controls,
            viewer,
            queue=False,
            api_visibility="private",
            show_progress="hidden",
            trigger_mode="multiple",
        )
    return blocks


def mount(
    app: FastAPI,
    queue: JobQueue,
    checkpoints: Callable[[], list[dict[str, Any]]],
    default_checkpoint: Callable[[], str | None],
    status: Callable[[], dict[str, Any]],
) -> FastAPI:
    """Serve the page at `/` of `app`.

    checkpoints         those that there are, as `GET /studio/v1/models` describes them
    default_checkpoint  the one to begin with
    status              what `/studio/v1/status` says of the engine
    """

    def head() -> str:
        return theme.head(_page_data(checkpoints(), default_checkpoint(), status()))

    theme.add_static(app)
    app.add_middleware(theme.PageHead, head=head)
    gr.mount_gradio_app(
        app,
        build_page(queue).queue(api_open=False, max_size=64),
        path="/",
        footer_links=[],
        run_history=False,
        app_kwargs={"openapi_url": None},
        show_error=False,
        max_file_size="64mb",
        enable_monitoring=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        theme=theme.theme(),
    )
    mounted = app.routes[-1]
    mounted.app = OnlyNeeded(mounted.app)
    return app


def _settings(form: Form) -> None:
    _part("sheetHead", markup.SHEET_HEAD)
    _task_settings(form)
    # The size of an outpaint is the frame on its canvas.
    with _group(
        "Size", "width height", kinds=[kind for kind in markup.TASKS if kind != "outpaint"]
    ):
        _part("sizes", markup.SIZES)
        for side in ("width", "height"):
            # Where there is a picture its size is followed, unless another is asked for.
            follow = dict.fromkeys(EDITING)
            form.add(side, fields.slider(side, logarithmic=True, unset="auto", defaults=follow))
    with _group("Sampling", "scheduler steps guidance_scale"):
        form.add("scheduler", fields.menu("scheduler", {name: name for name in SCHEDULERS}))
        form.add("noise_schedule", fields.menu("noise_schedule", NOISE_SCHEDULES, True))
        form.add("steps", fields.slider("steps"))
        form.add("guidance_scale", fields.slider("guidance_scale"))
    with _group("Seed and batch", "seed batch_size"):
        form.add("seed", fields.seed())
        form.add("batch_size", fields.slider("batch_size"))
    with _group("Many pictures", "", folded=True, kinds=["image_to_image", "inpaint"]):
        _part("loop", markup.ROUNDS)
        _part("batch", markup.BATCH)
    with _group("LoRA", "loras"):
        form.add("loras", fields.loras())
    with _group("ControlNet units", "controls"):
        form.add("controls", fields.controls())
    with _group("Advanced", "vae guidance_rescale clip_skip eta s_churn", folded=True):
        form.add("vae", fields.choice("vae"))
        form.add("guidance_rescale", fields.slider("guidance_rescale"))
        form.add("clip_skip", fields.slider("clip_skip"))
        form.add("eta", fields.slider("eta", unset="Own"))
        form.add("s_churn", fields.slider("s_churn"))
        form.add("s_tmin", fields.slider("s_tmin"))
        form.add("s_tmax", fields.slider("s_tmax", unset="None", unset_at="maximum"))
        form.add("s_noise", fields.slider("s_noise"))
    _part("settingsFoot", markup.SETTINGS_FOOT)


def _task_settings(form: Form) -> None:
    """What only some tasks have. A group, or a control in it, hides in the others."""
    strengths = {kind: declaration("strength", kind).default for kind in EDITING}
    with _group("Change", "strength feather resize_mode color_correction"):
        form.add("strength", fields.slider("strength", defaults=strengths))
        form.add("feather", fields.slider("feather"))
        form.add("resize_mode", fields.menu("resize_mode", RESIZE_MODES))
        form.add("color_correction", fields.toggle("color_correction"))
    with _group("Mask", "area padding masked_content mask_blur mask_grow invert soft"):
        form.add("area", fields.menu("area", AREAS))
        form.add("padding", fields.slider("padding"))
        form.add("masked_content", fields.menu("masked_content", MASKED_CONTENTS))
        form.add("mask_blur", fields.slider("mask_blur"))
        form.add("mask_grow", fields.slider("mask_grow"))
        form.add("invert", fields.toggle("invert"))
        form.add("soft", fields.toggle("soft"))


def _group(title: str, names: str, folded: bool = False, kinds: Sequence[str] = ()) -> gr.Column:
    """A group of settings that folds; its header then shows the values of the fields `names`. It
    is there for the tasks `kinds`, or those that have one of the fields, or else for all."""
    column = gr.Column(elem_classes=["group", "folded"] if folded else ["group"])
    with column:
        gr.HTML(
            html_template=markup.group_head(title),
            js_on_load=theme.on_load("group"),
            apply_default_css=False,
            fields=names.split(),
            kinds=[*kinds, *{kind for name in names.split() for kind in fields.kinds(name)}],
            title=title,
        )
    return column


def _part(script: str | None, template: str, event: str | None = None) -> gr.HTML:
    """Fixed HTML that the function `script` of `static/main.js` brings to life."""
    return gr.HTML(
        html_template=template,
        js_on_load=theme.on_load(script, event) if script else None,
        apply_default_css=False,
    )


def _task() -> gr.HTML:
    """Unseen: what the request's task is, as the scripts put it together."""
    return gr.HTML(
        value={"kind": "text_to_image"},
        html_template='<span hidden class="task"></span>',
        js_on_load=theme.on_load("task"),
        apply_default_css=False,
    )


def _submit(queue: JobQueue, form: Form, values: Mapping[Component, Any]) -> dict[str, Any]:
    """Queue what the form asks for. The answer differs each time, so that the page sees it."""
    answer: dict[str, Any] = {"answered_ns": time.time_ns()}
    try:
        job = queue.submit(form.request(values))
    except StudioError as error:
        return answer | {"error": type(error).__name__, "message": str(error)}
    return answer | {"job": job.id, "request": job.request.model_dump(mode="json")}


def _page_data(
    checkpoints: list[dict[str, Any]], default_checkpoint: str | None, status: dict[str, Any]
) -> dict[str, Any]:
    """What the scripts must know before the first click."""
    return {
        "checkpoints": checkpoints,
        "default_checkpoint": default_checkpoint,
        "objections": {name: _objections(name) for name in SCHEDULERS},
        "honours": {name: sorted(spec.honours) for name, spec in SCHEDULERS.items()},
        "automatic": {name: spec.automatic for name, spec in SCHEDULERS.items()},
        "palettes": control.palettes(),
        "status": status,
        "welcome": (theme.STATIC / "welcome.png").is_file(),
    }


def _objections(scheduler: str) -> dict[str, dict[str, Any]]:
    """Per noise schedule: why the scheduler cannot follow it at any step count (`never`), or what
    is said of 1, 2, … steps until there are enough (`few`)."""
    spec, most = SCHEDULERS[scheduler], declaration("steps").maximum
    table = {}
    for name in NOISE_SCHEDULES:
        never = spec.objection(name, 10_000)
        few = list(takewhile(bool, (spec.objection(name, n) for n in range(1, most + 1))))
        table[name] = {"never": never, "few": [] if never else few}
    return table

"""Controls made from the declarations of the request's fields: one name from slider to tensor.

Each is a `gr.HTML` with a constant template, so its DOM stays; `static/settings/fields.js` brings
it to life and sets `props.value`, which Gradio sends as the component's value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from studio.domain.request import Declaration, GenerationRequest, declaration
from studio.domain.tasks import TASKS
from studio.ui import markup_control
from studio.ui.markup import help_bubble, icon, icon_button, text
from studio.ui.theme import on_load


def kinds(name: str) -> list[str]:
    """The tasks that have a field `name`; none for a field of the request itself, which serves
    all. Raises KeyError for an unknown name."""
    if name in GenerationRequest.model_fields:
        return []
    found = [kind for kind, task in TASKS.items() if name in task.model_fields]
    if not found:
        raise KeyError(f"neither a request nor a task has a field {name!r}")
    return found


def _declared(name: str) -> Declaration:
    return declaration(name, next(iter(kinds(name)), None))


def slider(
    name: str,
    logarithmic: bool = False,
    unset: str = "",
    unset_at: str = "minimum",
    defaults: Mapping[str, Any] | None = None,
) -> gr.HTML:
    """A number as slider and box.

    logarithmic  gives small values as much room as large ones
    unset        what the empty box of a field says that may be left open (None)
    unset_at     the end of the slider that this is like: "minimum" or "maximum"
    defaults     task -> its own default; such a task also has its own value of the field
    """
    field = _declared(name)
    scale = "log" if logarithmic else "linear"
    bounds = f'min="{field.minimum:g}" max="{field.maximum:g}" step="{field.step:g}"'
    track = 'min="0" max="1000" step="any"' if logarithmic else bounds
    title = text(field.title)
    return _control(
        name,
        "slider",
        f'<input type="number" id="{name}" {bounds} placeholder="{text(unset)}" '
        f'aria-describedby="{name}-help">',
        f'<input type="range" data-scale="{scale}" {track} aria-label="{title} slider">',
        unset_at=unset_at,
        defaults=dict(defaults or {}),
    )


def toggle(name: str) -> gr.HTML:
    """Yes or no."""
    box = f'<input type="checkbox" role="switch" id="{name}" aria-describedby="{name}-help">'
    return _control(name, "toggle", box, "")


def choice(name: str) -> gr.HTML:
    """A model chosen from a list that searches; a script knows which there are."""
    return _control(
        name,
        "choice",
        f'<button type="button" id="{name}" class="choice" aria-describedby="{name}-help" '
        f'aria-labelledby="{name}-label {name}-value">'
        f'<span id="{name}-value"></span>{icon("chevron")}</button>',
        "",
    )


def loras(name: str = "loras") -> gr.HTML:
    """The list of LoRAs in use, and the buttons that add one or an embedding."""
    field = _declared(name)
    return _component(
        name,
        "loras",
        f'<div class="field loras" data-field="{name}"><div class="loras-list"></div>'
        f'<div class="loras-foot"><label for="{name}" class="off-screen">{text(field.title)}'
        "</label>"
        f'<button type="button" id="{name}" class="plain" data-action="add-lora" '
        'aria-label="Add LoRA" '
        f'title="{text(field.help)}">{icon("plus")}<span>Add LoRA</span></button>'
        '<button type="button" class="plain" data-action="add-embedding" '
        f'title="Puts its name into the prompt">{icon("plus")}<span>Embedding</span></button>'
        "</div></div>",
    )


def controls(name: str = "controls") -> gr.HTML:
    """The ControlNet units: their panel, in its place among the settings."""
    field = _declared(name)
    return _component(name, "controls", markup_control.panel(name, field.title, field.help))


def menu(name: str, choices: Mapping[str, str], may_object: bool = False) -> gr.HTML:
    """A choice of `choices` (value -> label). `may_object`: with a line below for what speaks
    against the choice."""
    options = "".join(
        f'<option value="{text(value)}">{text(label)}</option>' for value, label in choices.items()
    )
    return _control(
        name,
        "menu",
        f'<select id="{name}" aria-describedby="{name}-help">{options}</select>',
        '<p class="objection" role="alert"></p>' if may_object else "",
    )


def seed(name: str = "seed") -> gr.HTML:
    """The seed's box with its two buttons."""
    field = _declared(name)
    box = (
        f'<input type="number" id="{name}" min="{field.minimum}" max="{field.maximum}" step="1" '
        f'aria-describedby="{name}-help">'
    )
    buttons = icon_button("dice", "A new seed each time", "dice")
    buttons += icon_button("again", "Reuse the last seed", "reuse")
    return _control(name, "seed", "", f'<div class="row">{box}{buttons}</div>')


def prose(name: str, placeholder: str, foldable: bool = False) -> gr.HTML:
    """Text of any length; the box grows with it. `foldable`: to one line that still shows it."""
    field = _declared(name)
    title = text(field.title)
    label = f'<label for="{name}">{title}</label>'
    if foldable:
        label += (
            f'<button type="button" class="fold" aria-expanded="false" aria-controls="{name}">'
            f'{icon("chevron")}<span>{title}</span><span class="excerpt"></span></button>'
        )
    return _component(
        name,
        "prose",
        f'<div class="prose{" folded" if foldable else ""}" data-field="{name}">{label}'
        f'<textarea id="{name}" rows="1" placeholder="{text(placeholder)}" '
        f'title="{text(field.help)}" spellcheck="false"></textarea></div>',
    )


def _control(name: str, kind: str, beside_label: str, below: str, **props: Any) -> gr.HTML:
    field = _declared(name)
    return _component(
        name,
        kind,
        f'<div class="field {kind}" data-field="{name}"><div class="field-head">'
        f'<label for="{name}" id="{name}-label">{text(field.title)}</label>'
        f"{help_bubble(name, field.title, field.help)}"
        f"{icon_button('reset', f'Reset {field.title} to its default', 'reset')}"
        f"{beside_label}</div>{below}</div>",
        **props,
    )


def _component(name: str, kind: str, template: str, **props: Any) -> gr.HTML:
    field = _declared(name)
    bounds = {"minimum": field.minimum, "maximum": field.maximum, "step": field.step}
    return gr.HTML(
        value=list(field.default) if isinstance(field.default, tuple) else field.default,
        html_template=template,
        js_on_load=on_load(kind),
        apply_default_css=False,
        field=name,
        bounds=bounds,
        optional=field.default is None,
        kinds=kinds(name),
        helps={kind: declaration(name, kind).help for kind in kinds(name)},
        **props,
    )

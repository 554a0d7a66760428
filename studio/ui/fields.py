"""Controls made from the declarations of the request's fields: one name from slider to tensor.

Each is an element with `data-part`, the function of `static/main.js` that brings it to life, and
`data-field`, its name. What the script needs to know of a field is in `facts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studio.domain.noise_schedules import NOISE_SCHEDULES
from studio.domain.prompt_dialects import DIALECTS
from studio.domain.prompt_emphasis import EMPHASES
from studio.domain.request import PARTS, Declaration, GenerationRequest, declaration
from studio.domain.schedulers import SCHEDULERS
from studio.domain.seamless import TILINGS
from studio.domain.tasks import AREAS, MASKED_CONTENTS, RESIZE_MODES, TASKS
from studio.ui.tasks import EDITING
from studio.ui.templates import help_bubble, icon, icon_button, include, text, word

MENUS: dict[str, Mapping[str, str]] = {
    "scheduler": {name: name for name in SCHEDULERS},
    "noise_schedule": NOISE_SCHEDULES,
    "emphasis": EMPHASES,
    "prompt_dialect": DIALECTS,
    "tiling": TILINGS,
    "resize_mode": RESIZE_MODES,
    "area": AREAS,
    "masked_content": MASKED_CONTENTS,
    "hires_scheduler": {"": "Use same sampler", **{name: name for name in SCHEDULERS}},
    "hires_noise_schedule": {"": "Use same scheduler", **NOISE_SCHEDULES},
}
"""Field -> what it may be, value -> label."""

LOGARITHMIC = {
    *("width", "height", "hires_width", "hires_height"),
    *("resize_width", "resize_height", "tile_size"),
}
"""Their sliders give small values as much room as large ones."""

UNSET = {
    "width": "auto",
    "height": "auto",
    "eta": "Own",
    "s_tmax": "None",
    "hires_width": "factor",
    "hires_height": "factor",
    "hires_steps": "same",
    "hires_guidance_scale": "same",
    "resize_width": "factor",
    "resize_height": "factor",
    "tile_size": "auto",
    "tile_prompt": "nothing",
    "variation_seed": "random",
}
"""What the empty box of a field says that may be left open."""

MODELS = {
    *("checkpoint", "vae", "hires_checkpoint", "refiner_checkpoint"),
    *("hires_upscaler", "upscaler", "upscaler_2", "tile_controlnet"),
}
"""Fields that name a model, chosen from a list that searches."""

_NOT_FOR = {
    "detailers": "upscale",
    **dict.fromkeys(("refiner", "controls", "tiling", "attention_maps"), "details"),
}
"""Field or record of a request -> the task that makes no use of it."""

_AT_MAXIMUM = {"s_tmax"}
"""Left open, they are like the maximum; all others are like the minimum."""


def kinds(name: str) -> list[str]:
    """The tasks that have a field `name`; none for a field of the request itself, which serves
    all. Raises KeyError for an unknown name."""
    if place(name)[0] == "hires":
        return ["text_to_image"]
    if name in _NOT_FOR or place(name)[0] in _NOT_FOR:
        without = _NOT_FOR.get(name) or _NOT_FOR[place(name)[0]]
        return [kind for kind in TASKS if kind != without]
    if name in GenerationRequest.model_fields or place(name)[0]:
        return []
    found = [kind for kind, task in TASKS.items() if name in task.model_fields]
    if not found:
        raise KeyError(f"neither a request nor a task has a field {name!r}")
    return found


def place(name: str) -> tuple[str, str]:
    """(the record within the request that the field is of, its name there): hires_factor is
    factor of hires, and hires, which switches that on, is "". ("", name) for all others."""
    for part in PARTS:
        if name == part:
            return part, ""
        if name.startswith(f"{part}_"):
            return part, name.removeprefix(f"{part}_")
    return "", name


def _declared(name: str) -> Declaration:
    part, inner = place(name)
    if part:
        return declaration(f"{part}.{inner}" if inner else part)
    if name in GenerationRequest.model_fields:
        return declaration(name)
    return declaration(name, next(iter(kinds(name)), None))


def facts(name: str) -> dict[str, Any]:
    """What the scripts know of a field.

    kinds     the tasks that have it; [] for all
    of_task   whether it is of the task's part of a request
    place     as `place` says
    optional  whether it may be left open (null)
    unset_at  the end of the slider that this is like
    defaults  task -> its own default; such a task also has its own value of the field
    helps     task -> what its help says there
    summary   its words in the header of its folded group, as in `Shown`
    always    whether these tell its default, too
    """
    field = _declared(name)
    default = list(field.default) if isinstance(field.default, tuple) else field.default
    if name in PARTS:
        default = False
    return {
        "default": default,
        "of_task": name not in GenerationRequest.model_fields and not place(name)[0],
        "place": place(name),
        "bounds": {"minimum": field.minimum, "maximum": field.maximum, "step": field.step},
        "optional": default is None,
        "kinds": kinds(name),
        "helps": _own_helps(name),
        "defaults": _own_defaults(name),
        "unset_at": "maximum" if name in _AT_MAXIMUM else "minimum",
        "summary": field.shown.summary if field.shown else "",
        "always": bool(field.shown and field.shown.always),
    }


def _own_helps(name: str) -> dict[str, str]:
    if name in GenerationRequest.model_fields or place(name)[0]:
        return {}
    return {kind: declaration(name, kind).help for kind in kinds(name)}


def _own_defaults(name: str) -> dict[str, Any]:
    if name in ("width", "height"):
        # Where there is a picture its size is followed, unless another is asked for.
        return dict.fromkeys(EDITING)
    if name == "strength":
        has_it = [kind for kind in EDITING if name in TASKS[kind].model_fields]
        return {kind: declaration(name, kind).default for kind in has_it}
    if name == "detailers":
        return {"details": []}
    return {}


def control(name: str) -> str:
    """The control of a field, of the sort that its declaration asks for."""
    if name in MENUS:
        return menu(name)
    if name in ("seed", "variation_seed"):
        return seed(name)
    if name == "loras":
        return _field(name, "loras", include("settings/loras.html"))
    if name == "detailers":
        return _field(name, "detailers", include("detail/detailers.html"))
    if name == "controls":
        return _field(name, "controls", include("control/panel.html"))
    if name in MODELS:
        return choice(name)
    if name in ("hires_prompt", "hires_negative_prompt", "tile_prompt"):
        return phrase(name)
    if name in PARTS:
        return toggle(name)
    if isinstance(_declared(name).default, bool):
        return toggle(name)
    return slider(name)


def slider(name: str) -> str:
    """A number as slider and box."""
    field = _declared(name)
    is_logarithmic = name in LOGARITHMIC
    bounds = f'min="{field.minimum:g}" max="{field.maximum:g}" step="{field.step:g}"'
    track = 'min="0" max="1000" step="any"' if is_logarithmic else bounds
    scale = "log" if is_logarithmic else "linear"
    return _control(
        name,
        "slider",
        f'<input type="number" id="{name}" {bounds} placeholder="{UNSET.get(name, "")}" '
        f'aria-describedby="{name}-help">',
        f'<input type="range" data-scale="{scale}" {track} '
        f'aria-label="{text(field.title)} slider">',
    )


def toggle(name: str) -> str:
    """Yes or no."""
    box = f'<input type="checkbox" role="switch" id="{name}" aria-describedby="{name}-help">'
    return _control(name, "toggle", box, "")


def phrase(name: str) -> str:
    """Text that may be left open."""
    box = f'<input type="text" id="{name}" placeholder="{UNSET.get(name, "same")}" '
    box += 'spellcheck="false" '
    return _control(name, "phrase", "", f'{box}aria-describedby="{name}-help">')


@word
def choice(name: str) -> str:
    """A model chosen from a list that searches; a script knows which there are."""
    return _control(
        name,
        "choice",
        f'<button type="button" id="{name}" class="choice" aria-describedby="{name}-help" '
        f'aria-labelledby="{name}-label {name}-value">'
        f'<span id="{name}-value"></span>{icon("chevron")}</button>',
        "",
    )


def menu(name: str) -> str:
    """A choice of a few, with a line below for what speaks against it."""
    options = "".join(
        f'<option value="{text(value)}">{text(label)}</option>'
        for value, label in MENUS[name].items()
    )
    return _control(
        name,
        "menu",
        f'<select id="{name}" aria-describedby="{name}-help">{options}</select>',
        '<p class="objection" role="alert"></p>' if name == "noise_schedule" else "",
    )


def seed(name: str) -> str:
    """A seed's box with its two buttons."""
    field = _declared(name)
    box = (
        f'<input type="number" id="{name}" min="{field.minimum}" max="{field.maximum}" step="1" '
        f'placeholder="{UNSET.get(name, "")}" aria-describedby="{name}-help">'
    )
    buttons = icon_button("dice", "A new seed each time", "dice")
    buttons += icon_button("again", "Reuse the last seed", "reuse")
    return _control(name, "seed", "", f'<div class="row">{box}{buttons}</div>')


@word
def prose(name: str, placeholder: str, *how: str) -> str:
    """Text of any length; the box grows with it. `foldable`: to one line that still shows it."""
    field = _declared(name)
    title = text(field.title)
    label = f'<label for="{name}">{title}</label>'
    if "foldable" in how:
        label += (
            f'<button type="button" class="fold" aria-expanded="false" aria-controls="{name}">'
            f'{icon("chevron")}<span>{title}</span><span class="excerpt"></span></button>'
        )
    return (
        f'<div class="prose{" folded" if "foldable" in how else ""}" data-part="prose" '
        f'data-field="{name}">{label}'
        f'<textarea id="{name}" rows="1" placeholder="{text(placeholder)}" '
        f'title="{text(field.help)}" spellcheck="false"></textarea></div>'
    )


@word
def title(name: str) -> str:
    return text(_declared(name).title)


@word
def help(name: str) -> str:
    return text(_declared(name).help)


def _field(name: str, part: str, inside: str) -> str:
    return f'<div class="field {part}" data-part="{part}" data-field="{name}">{inside}</div>'


def _control(name: str, part: str, beside_label: str, below: str) -> str:
    field = _declared(name)
    return _field(
        name,
        part,
        f'<div class="field-head"><label for="{name}" id="{name}-label">{text(field.title)}'
        f"</label>{help_bubble(name, field.title, field.help)}"
        f"{icon_button('reset', f'Reset {field.title} to its default', 'reset')}"
        f"{beside_label}</div>{below}",
    )

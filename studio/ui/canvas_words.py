"""Words of the canvases' HTML. Buttons say what they do in `data-do`, tools in `data-tool`."""

from __future__ import annotations

from studio.ui.templates import icon, text, word


@word
def canvas_button(name: str, label: str, do: str, keys: str = "") -> str:
    """An icon that does something at once; its tool tip tells the key."""
    label = text(label)
    tip = f"{label} ({text(keys)})" if keys else label
    return (
        f'<button type="button" class="icon-button" data-do="{do}" aria-label="{label}" '
        f'title="{tip}">{icon(name)}</button>'
    )


@word
def canvas_tool(name: str, label: str, key: str) -> str:
    """A tool to be chosen, by its icon or its key."""
    return (
        f'<button type="button" class="icon-button" data-tool="{name}" aria-pressed="false" '
        f'aria-label="{label}" aria-keyshortcuts="{key}" title="{label} ({key})">'
        f"{icon(name)}</button>"
    )


@word
def canvas_entry(name: str, label: str, do: str, key: str = "") -> str:
    """A line of a menu."""
    keys = f"<kbd>{text(key)}</kbd>" if key else ""
    return (
        f'<button type="button" class="canvas-entry" data-do="{do}">'
        f"{icon(name)}<span>{text(label)}</span>{keys}</button>"
    )


@word
def canvas_menu(name: str, label: str) -> str:
    """The button that unfolds what stands after it."""
    return (
        '<button type="button" class="plain" data-do="menu" aria-expanded="false" '
        f'title="{label}">{icon(name)}<span>{label}</span></button>'
    )


@word
def canvas_slider(name: str, label: str, minimum: str, maximum: str, unit: str) -> str:
    """A slider with its box; a script gives it values."""
    return (
        f'<div class="canvas-slider" data-option="{name}" title="{label}"><span>{label}</span>'
        f'<input type="range" min="0" max="1000" step="any" aria-label="{label} slider">'
        f'<input type="number" min="{minimum}" max="{maximum}" step="1" '
        f'aria-label="{label}, {unit}"></div>'
    )


@word
def canvas_colour(name: str, colour: str) -> str:
    """A colour (#rrggbb) of the overlay."""
    return (
        f'<button type="button" data-colour="{colour}" style="--colour: {colour}" '
        f'aria-pressed="false" aria-label="{name}" title="{name}"></button>'
    )


@word
def canvas_side(side: str, label: str) -> str:
    """The box for what is added at one side of a picture."""
    return (
        f'<label><span>{label}</span><input type="number" data-side="{side}" min="0" '
        f'max="4096" step="8" aria-label="{label}, pixels to add"></label>'
    )


@word
def canvas_edge(side: str, label: str) -> str:
    """An edge of the frame, to be dragged or moved by keys."""
    return (
        f'<span class="canvas-handle" data-handle="{side}" tabindex="0" role="slider" '
        f'aria-label="{label} edge" aria-valuemin="0" aria-valuemax="4096" '
        'aria-valuenow="0"></span>'
    )

"""The fixed HTML of the canvases. Buttons say what they do in `data-do`, tools in `data-tool`."""

from __future__ import annotations

from studio.ui.markup import drawn, icon, text

_PATHS = {
    "brush": '<path d="M13.3 2.7c-2.6.6-5.2 3-6.6 5.4l1.7 1.7c2.3-1.5 4.5-4.4 4.9-7.1Z"/>'
    '<path d="M6.3 9c-1.7 0-2.3 1-2.4 2.2-.1.9-.6 1.5-1.4 1.7 2.2.9 5.4.4 5.4-2.3"/>',
    "eraser": '<path d="m6.2 13-3.3-3.3a1.3 1.3 0 0 1 0-1.8l5-5a1.3 1.3 0 0 1 1.8 0l3.3 '
    '3.3a1.3 1.3 0 0 1 0 1.8L8 13ZM5.4 5.4l5.1 5.1M6 13h7.5"/>',
    "lasso": '<path d="M5 10.6C3.4 10 2.3 8.8 2.3 7.2 2.3 4.7 4.9 3 8 3s5.7 1.7 5.7 '
    '4.2-2.6 4.2-5.7 4.2c-.4 0-.8 0-1.2-.1"/><circle cx="5.7" cy="11.3" r="1.2"/>'
    '<path d="M5.7 12.5c0 .8-.6 1.3-1.5 1.5"/>',
    "rectangle": '<rect x="2.5" y="3.5" width="11" height="9" rx="1" stroke-dasharray="2 1.6"/>',
    "fill": '<path d="m7 2.5 5.3 5.3-4.5 4.5a1.3 1.3 0 0 1-1.8 0L3 9.3a1.3 1.3 0 0 1 '
    '0-1.8l4.5-4.5M2.7 8.3h9"/><path d="M13.5 10.5c.6.9 1 1.5 1 2a1 1 0 0 1-2 0c0-.5.4-1.1 '
    '1-2Z"/>',
    "undo": '<path d="M3 6.5h6.5a3.5 3.5 0 0 1 0 7H6M5.8 3.5l-3 3 3 3"/>',
    "redo": '<path d="M13 6.5H6.5a3.5 3.5 0 0 0 0 7H10M10.2 3.5l3 3-3 3"/>',
    "mask": '<rect x="2.5" y="3" width="11" height="10" rx="1.5"/><circle cx="8" cy="8" r="2.8" '
    'fill="currentColor" stroke="none"/>',
    "invert": '<circle cx="8" cy="8" r="5.5"/><path d="M8 2.5v11a5.5 5.5 0 0 0 0-11Z" '
    'fill="currentColor"/>',
    "grow": '<circle cx="8" cy="8" r="2"/><path d="M2.5 5.5v-3h3M13.5 5.5v-3h-3M2.5 10.5v3h3'
    'M13.5 10.5v3h-3"/>',
    "shrink": '<circle cx="8" cy="8" r="2"/><path d="M2.5 5.5h3v-3M13.5 5.5h-3v-3M2.5 10.5h3v3'
    'M13.5 10.5h-3v3"/>',
    "upload": '<path d="M8 10.5V3M4.8 6 8 2.8 11.2 6M3 13.5h10"/>',
    "fit": '<path d="M2.5 6V3.5a1 1 0 0 1 1-1H6M10 2.5h2.5a1 1 0 0 1 1 1V6M13.5 10v2.5a1 1 0 0 '
    '1-1 1H10M6 13.5H3.5a1 1 0 0 1-1-1V10"/>',
    "full": '<path d="M9.5 6.5 13.5 2.5M10 2.5h3.5V6M6.5 9.5 2.5 13.5M6 13.5H2.5V10"/>',
    "picture": '<rect x="2.5" y="3" width="11" height="10" rx="1.5"/><circle cx="6" cy="6.5" '
    'r="1.1"/><path d="m3 12 3.5-3.5 2.2 2.2L10.5 9l3 3"/>',
    "sliders": '<path d="M3 4.5h4M10.5 4.5H13M3 11.5h2.5M9 11.5h4"/><circle cx="8.7" cy="4.5" '
    'r="1.7"/><circle cx="7.2" cy="11.5" r="1.7"/>',
}
"""Elements on a grid of 16."""

_COLOURS = {
    "#e5484d": "Red",
    "#f5a524": "Amber",
    "#30a46c": "Green",
    "#3b82f6": "Blue",
    "#d946ef": "Magenta",
    "#111111": "Black",
}
_RATIOS = ("1:1", "4:3", "3:2", "16:9", "3:4", "2:3", "9:16")
_SIDES = ("left", "top", "right", "bottom")


def _icon(name: str) -> str:
    return drawn(_PATHS[name]) if name in _PATHS else icon(name)


def _button(name: str, label: str, do: str, keys: str = "") -> str:
    """An icon that does something at once; its tool tip tells the key."""
    words = text(label)
    tip = f"{words} ({text(keys)})" if keys else words
    return (
        f'<button type="button" class="icon-button" data-do="{do}" aria-label="{words}" '
        f'title="{tip}">{_icon(name)}</button>'
    )


def _tool(name: str, label: str, key: str) -> str:
    words = text(label)
    return (
        f'<button type="button" class="icon-button" data-tool="{name}" aria-pressed="false" '
        f'aria-label="{words}" aria-keyshortcuts="{key}" title="{words} ({key})">'
        f"{_icon(name)}</button>"
    )


def _entry(name: str, label: str, do: str, keys: str = "") -> str:
    """A line of a menu."""
    key = f"<kbd>{text(keys)}</kbd>" if keys else ""
    return (
        f'<button type="button" class="canvas-entry" data-do="{do}">'
        f"{_icon(name)}<span>{text(label)}</span>{key}</button>"
    )


def _slider(name: str, label: str, bounds: str, unit: str) -> str:
    """A slider with its box; a script gives it values."""
    words = text(label)
    return (
        f'<div class="canvas-slider" data-option="{name}"><span>{words}</span>'
        f'<input type="range" min="0" max="1000" step="any" aria-label="{words} slider">'
        f'<input type="number" {bounds} aria-label="{words}, {unit}"></div>'
    )


def _menu(name: str, label: str, inside: str) -> str:
    """A button and what it unfolds."""
    words = text(label)
    return (
        '<div class="canvas-menu"><button type="button" class="plain" data-do="menu" '
        f'aria-expanded="false" title="{words}">{_icon(name)}<span>{words}</span></button>'
        f'<div class="canvas-panel" role="group" aria-label="{words}" hidden>{inside}</div></div>'
    )


def _keys(*rows: tuple[str, str]) -> str:
    """Rows of (keys, meaning); keys pressed together are parted by a blank."""
    return "".join(
        f"<div><dt>{' '.join(f'<kbd>{text(key)}</kbd>' for key in keys.split())}</dt>"
        f"<dd>{text(meaning)}</dd></div>"
        for keys, meaning in rows
    )


_VIEW_KEYS = (
    ("Wheel", "Zoom at the pointer"),
    ("Space Drag", "Move the view; the middle button does too"),
    ("+ −", "Zoom in and out"),
    ("0", "Fit the view"),
    ("1", "100 %"),
    ("F", "Full screen"),
)

_MASK_KEYS = (
    ("B", "Brush"),
    ("E", "Eraser"),
    ("L", "Lasso"),
    ("R", "Rectangle; with Shift a square"),
    ("G", "Fill an enclosed part"),
    ("[ ]", "Smaller, larger brush"),
    ("Alt Drag", "The other way round: erase, or add; the right button does too"),
    ("Shift Click", "A straight line from where the last stroke ended"),
    ("Ctrl Z", "Undo"),
    ("Ctrl Shift Z", "Redo"),
    ("I", "Invert the mask"),
    ("Delete", "Clear the mask"),
)


def _help(rows: tuple[tuple[str, str], ...]) -> str:
    return f"""
<dialog class="canvas-keys" aria-label="Keys of the canvas">
  <h2>Keys of the canvas</h2>
  <dl>{_keys(*rows, *_VIEW_KEYS)}</dl>
  <button type="button" class="plain" data-do="keys-close">Close</button>
</dialog>"""


_PICTURE_BUTTONS = f"""
<div class="canvas-group">
  {_button("picture", "Choose another picture", "picture-choose")}
  {_button("close", "Remove the picture", "picture-remove")}
</div>"""

ZOOM = f"""
<div class="canvas-zoom" role="group" aria-label="View">
  {_button("minus", "Zoom out", "zoom-out", "−")}
  <button type="button" class="canvas-percent" data-do="zoom-100" title="100 % (1)">100 %</button>
  {_button("plus", "Zoom in", "zoom-in", "+")}
  {_button("fit", "Fit the view", "zoom-fit", "0")}
  {_button("full", "Full screen", "full-screen", "F")}
  {_button("keyboard", "Keys of the canvas", "keys")}
</div>"""

_ASK = """
<dialog class="canvas-ask" aria-label="What becomes of the mask?">
  <h2></h2><p></p><div class="canvas-answers"></div>
</dialog>"""

_FILES = """
<input type="file" class="canvas-file" accept="image/*" aria-label="Picture file" hidden>"""


def _empty(words: str) -> str:
    return f"""
<div class="canvas-empty">
  {_icon("picture")}
  <p class="canvas-words">{text(words)}</p>
  <p class="canvas-how">Drop it here, paste it, or</p>
  <button type="button" class="plain framed" data-do="picture-choose">Choose a picture</button>
</div>"""


_PAINT_PANEL = (
    _slider("softness", "Softness", 'min="0" max="100" step="1"', "percent")
    + _slider("opacity", "Opacity", 'min="1" max="100" step="1"', "percent")
    + '<label class="canvas-check toggle"><span>Pen pressure sets the size</span>'
    '<input type="checkbox" role="switch" data-option="pressure"></label>'
)

_MASK_PANEL = (
    _entry("invert", "Invert", "mask-invert", "I")
    + '<div class="canvas-pair">'
    + _entry("grow", "Grow", "mask-grow")
    + _entry("shrink", "Shrink", "mask-shrink")
    + '<label>by <input type="number" data-option="step" min="1" max="64" step="1" '
    'aria-label="Grow or shrink by, pixels"> px</label></div>'
    + _entry("trash", "Clear", "mask-clear", "Delete")
    + "<hr>"
    + _entry("upload", "Upload a mask", "mask-upload")
    + _entry("download", "Download the mask", "mask-download")
    + '<hr><div class="canvas-colours" role="group" aria-label="Colour of the overlay">'
    + "".join(
        f'<button type="button" data-colour="{colour}" style="--colour: {colour}" '
        f'aria-pressed="false" aria-label="{name}" title="{name}"></button>'
        for colour, name in _COLOURS.items()
    )
    + '<input type="color" data-option="colour" aria-label="Another colour of the overlay" '
    'title="Another colour"></div>'
    + _slider("overlay", "Overlay", 'min="20" max="90" step="1"', "percent")
)

TOOLS = f"""<div class="canvas-group" role="group" aria-label="Tools">
    {_tool("brush", "Brush", "B")}
    {_tool("eraser", "Eraser", "E")}
    {_tool("lasso", "Lasso", "L")}
    {_tool("rectangle", "Rectangle", "R")}
    {_tool("fill", "Fill", "G")}
  </div>"""

SIZE = f"""<div class="canvas-group canvas-size">
    {_slider("size", "Size", 'min="1" max="2000" step="1"', "pixels")}
  </div>"""

HISTORY = f"""<div class="canvas-group">
    {_button("undo", "Undo", "undo", "Ctrl+Z")}
    {_button("redo", "Redo", "redo", "Ctrl+Shift+Z")}
  </div>"""

_MASK_BAR = f"""
<div class="canvas-bar" role="toolbar" aria-label="Mask tools">
  {TOOLS}
  {SIZE}
  <div class="canvas-group canvas-sign" role="group" aria-label="What the tool does">
    <button type="button" data-sign="add" aria-pressed="true">Add</button>
    <button type="button" data-sign="remove" aria-pressed="false">Remove</button>
  </div>
  <div class="canvas-group">{_menu("sliders", "Stroke", _PAINT_PANEL)}</div>
  {HISTORY}
  <div class="canvas-group">{_menu("mask", "Mask", _MASK_PANEL)}</div>
  <span class="canvas-share"></span>
  {_PICTURE_BUTTONS}
</div>"""

_FRAME_BAR = f"""
<div class="canvas-bar" role="toolbar" aria-label="Frame">
  <div class="canvas-group canvas-ratios" role="group" aria-label="Shape">
    {"".join(f'<button type="button" data-ratio="{one}">{one}</button>' for one in _RATIOS)}
  </div>
  <div class="canvas-group canvas-sides">
    {
    "".join(
        f'<label><span>{side.title()}</span><input type="number" data-side="{side}" min="0" '
        f'max="4096" step="8" aria-label="{side.title()}, pixels to add"></label>'
        for side in _SIDES
    )
}
  </div>
  <div class="canvas-group">
    {_button("undo", "Undo", "undo", "Ctrl+Z")}
    {_button("redo", "Redo", "redo", "Ctrl+Shift+Z")}
    {_button("reset", "Back to the picture's own border", "frame-reset")}
  </div>
  {_PICTURE_BUTTONS}
</div>"""

_HANDLES = "".join(
    f'<span class="canvas-handle" data-handle="{name}" '
    + (
        f'tabindex="0" role="slider" aria-label="{name.title()} edge" aria-valuemin="0" '
        'aria-valuemax="4096" aria-valuenow="0"'
        if "-" not in name
        else 'aria-hidden="true"'
    )
    + "></span>"
    for name in (*_SIDES, "left-top", "right-top", "right-bottom", "left-bottom")
)

_FRAME = f"""
<div class="canvas-frame">{_HANDLES}<output class="canvas-new-size"></output></div>"""

PAINT_LAYERS = """
<svg class="canvas-outline" aria-hidden="true"><path/><path/></svg>
<div class="canvas-cursor" aria-hidden="true"></div>"""


def _canvas(kind: str, label: str, words: str, bar: str, layers: str, more: str) -> str:
    overlay = "<canvas></canvas>" if kind == "inpaint" else ""
    return f"""
<section class="canvas" data-kind="{kind}" data-state="empty" aria-label="{text(label)}">
  {bar}
  <div class="canvas-port" tabindex="0" role="application" aria-label="{text(label)}">
    <div class="canvas-world"><img alt="" draggable="false">{overlay}</div>
    {layers}
    {ZOOM}
  </div>
  {_empty(words)}
  <p class="canvas-note" role="status" aria-live="polite"></p>
  {_FILES}{_ASK}{more}
</section>"""


CANVAS = {
    "image_to_image": _canvas(
        "image_to_image",
        "Picture to change",
        "The picture to change",
        f'<div class="canvas-bar" role="toolbar" aria-label="Picture">{_PICTURE_BUTTONS}</div>',
        "",
        _help(()),
    ),
    "inpaint": _canvas(
        "inpaint",
        "Mask canvas",
        "The picture to repaint a part of",
        _MASK_BAR,
        PAINT_LAYERS,
        _help(_MASK_KEYS),
    ),
    "outpaint": _canvas(
        "outpaint",
        "Picture and frame",
        "The picture to widen",
        _FRAME_BAR,
        _FRAME,
        _help(
            (
                ("Drag", "Move an edge or a corner of the frame"),
                ("Alt Drag", "Move the opposite edge as well"),
                ("← → ↑ ↓", "Move a chosen edge by 8 pixels; with Shift by 64"),
                ("Ctrl Z", "Undo"),
            )
        ),
    ),
}
"""Task -> its canvas."""

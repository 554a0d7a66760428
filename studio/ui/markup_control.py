"""The fixed HTML of the ControlNet units. What a script clones for each unit is in a `<template>`;
titles, help and ranges are those of `ControlInput`."""

from __future__ import annotations

from studio.domain.control import CONTROL_MODES, ControlInput
from studio.domain.preprocessor_spec import CONTROL_TYPES, RESOLUTION
from studio.domain.tasks import RESIZE_MODES
from studio.ui.markup import icon, text
from studio.ui.markup_canvas import HISTORY, PAINT_LAYERS, SIZE, TOOLS, ZOOM

_SCHEMA = ControlInput.model_json_schema()["properties"]


def _title(name: str) -> str:
    return text(ControlInput.model_fields[name].title)


def _help(name: str) -> str:
    return text(ControlInput.model_fields[name].description)


def _number(name: str, minimum: float, maximum: float, step: float) -> str:
    """A slider with its box."""
    return (
        f'<div class="unit-number" data-number="{name}" title="{_help(name)}">'
        f"<span>{_title(name)}</span>"
        f'<input type="range" min="{minimum:g}" max="{maximum:g}" step="{step:g}" '
        f'aria-label="{_title(name)} slider">'
        f'<input type="number" min="{minimum:g}" max="{maximum:g}" step="{step:g}" '
        f'aria-label="{_title(name)}"></div>'
    )


def _bounds(name: str) -> tuple[float, float, float]:
    """(minimum, maximum, step). A weight begins at its step: a unit that weighs nothing is off."""
    known = _SCHEMA[name]
    step = known["step"]
    return known.get("minimum", step), known["maximum"], step


def _menu(name: str, choices: dict[str, str]) -> str:
    options = "".join(
        f'<option value="{value}">{text(label)}</option>' for value, label in choices.items()
    )
    return (
        f'<label class="unit-menu" data-menu="{name}" title="{_help(name)}">'
        f"<span>{_title(name)}</span><select>{options}</select></label>"
    )


def _act(name: str, words: str, symbol: str, tip: str = "") -> str:
    told = text(tip or words)
    return (
        f'<button type="button" class="plain framed" data-act="{name}" title="{told}">'
        f"{icon(symbol)}<span>{text(words)}</span></button>"
    )


def _resize_modes() -> dict[str, str]:
    allowed = _SCHEMA["resize_mode"]["enum"]
    return {name: RESIZE_MODES[name] for name in allowed}


_PICTURES = f"""
<div class="unit-pictures">
  <figure class="unit-picture" data-state="empty">
    <div class="unit-place">
      <div class="unit-empty">{icon("input")}<p>Drop a picture, paste it, or</p>
        <button type="button" class="plain framed" data-act="choose">Choose a picture</button>
      </div>
    </div>
    <figcaption><span>{_title("image")}</span>
      <button type="button" class="icon-button" data-act="remove-picture"
        aria-label="Remove the picture" title="Remove the picture">{icon("close")}</button>
    </figcaption>
  </figure>
  <figure class="unit-map" data-state="empty">
    <div class="unit-place"><p class="unit-map-words" role="status"></p></div>
    <figcaption><span>Map</span>
      <button type="button" class="plain" data-act="edit-map"
        title="Paint over the map; it is then taken as it is">Edit</button>
    </figcaption>
  </figure>
</div>
<div class="unit-ways">
  {_act("choose", "Choose", "input", "Choose a picture file")}
  {_act("draw", "Draw", "pencil", "Draw it by hand")}
  {_act("last", "Last result", "again", "Take the picture that was made last")}
  {_act("input", "Input image", "link", "Follow the picture that the task begins with")}
</div>
<input type="file" class="unit-file" accept="image/*" aria-label="Control image file" hidden>
"""

_FIELDS = f"""
<p class="objection unit-lack" role="status"></p>
<div class="unit-menu" title="{_help("controlnet")}"><span>{_title("controlnet")}</span>
  <button type="button" class="choice" data-act="model"><span></span>{icon("chevron")}</button>
</div>
<p class="objection unit-misfit" role="alert"></p>
{_menu("preprocessor", {})}
<p class="unit-about"></p>
<div class="unit-weights" hidden>
  <p class="unit-weights-words"></p>
  <div class="unit-weights-row">
    {_act("download", "Download", "download")}
    <div class="track" hidden><i></i></div>
    <span class="unit-weights-share"></span>
  </div>
</div>
<div class="unit-settings"></div>
{_menu("union_type", {"": "Choose", **{name: t.title for name, t in CONTROL_TYPES.items()}})}
{_number("scale", *_bounds("scale"))}
{_number("start", *_bounds("start"))}
{_number("end", *_bounds("end"))}
{_menu("mode", CONTROL_MODES)}
<details class="unit-more"><summary>More</summary>
  {_menu("resize_mode", _resize_modes())}
  <label class="unit-check toggle" title="Works at the size that suits the result best">
    <span>Pixel perfect</span><input type="checkbox" role="switch" data-check="perfect"></label>
  {_number("resolution", 64, 2048, 8)}
  <div class="unit-region" title="{_help("mask")}"><span>{_title("mask")}</span>
    <span class="unit-region-words"></span>
    <button type="button" class="plain framed" data-act="paint-region">Paint</button>
    <button type="button" class="icon-button" data-act="clear-region"
      aria-label="Act everywhere" title="Act everywhere">{icon("close")}</button>
  </div>
</details>
"""

_UNIT = f"""
<template class="unit-template">
  <article class="unit">
    <div class="unit-head">
      <button type="button" class="unit-fold" aria-expanded="true">{icon("chevron")}
        <span class="unit-title"></span><span class="unit-summary"></span></button>
      <label class="toggle"><input type="checkbox" role="switch" data-check="on"></label>
      <button type="button" class="icon-button" data-act="remove">{icon("trash")}</button>
    </div>
    <div class="unit-body">
      <div class="unit-left">{_PICTURES}</div>
      <div class="unit-right">{_FIELDS}</div>
    </div>
  </article>
</template>
<template class="unit-number-template">{_number("scale", 0, 1, 1)}</template>
"""

STAGE = f"""
<section class="control-stage" aria-label="ControlNet units"></section>
{_UNIT}
"""


def panel(name: str, title: str, help: str) -> str:
    """The control of the request's field `name`: the panel in its place among the settings."""
    return f"""
<div class="field controls" data-field="{name}"><div class="control-home">
  <div class="control-panel" data-resolution="{RESOLUTION}">
    <div class="units"></div>
    <div class="control-foot"><label for="{name}" class="off-screen">{text(title)}</label>
      <button type="button" id="{name}" class="plain" data-act="add" title="{text(help)}"
        >{icon("plus")}<span>Add unit</span></button>
      <p class="control-words" role="status"></p>
    </div>
  </div>
</div></div>"""


EDITOR = f"""
<dialog class="control-editor" aria-label="Draw">
  <section class="canvas control-sheet" data-tool="brush">
    <div class="canvas-bar" role="toolbar" aria-label="Drawing tools">
      {TOOLS}
      {SIZE}
      <div class="canvas-group control-colours" role="group" aria-label="Colour">
        <button type="button" class="plain" data-do="pick" aria-pressed="false"
          title="Take a colour from the sheet (P)">Pick</button>
        <input type="color" aria-label="Colour" title="Colour">
      </div>
      {HISTORY}
      <div class="canvas-group">
        <button type="button" class="plain" data-do="clear" title="Begin again">Clear</button>
        <label class="control-under" title="How much of the picture shows through">
          <span>Picture</span><input type="range" min="0" max="90" step="1" value="0"
          aria-label="Picture shows through"></label>
      </div>
      <div class="canvas-group control-ends">
        <button type="button" class="plain framed" data-do="leave">Cancel</button>
        <button type="button" class="primary small" data-do="take">Use it</button>
      </div>
    </div>
    <div class="control-palette" role="group" aria-label="What to draw"></div>
    <div class="canvas-port" tabindex="0" role="application" aria-label="Sheet">
      <div class="canvas-world"><img alt="" draggable="false"><canvas></canvas></div>
      {PAINT_LAYERS}
      {ZOOM}
    </div>
    <p class="canvas-note" role="status" aria-live="polite"></p>
  </section>
</dialog>
"""

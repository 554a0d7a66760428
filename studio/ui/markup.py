"""The page's fixed HTML. Nothing a user typed or named comes here: scripts set such text."""

from __future__ import annotations

import html

_PATHS = {
    "chevron": '<path d="m4 6 4 4 4-4"/>',
    "dice": '<rect x="2.5" y="2.5" width="11" height="11" rx="2.5"/>'
    '<path d="M5.5 5.5h.01M10.5 5.5h.01M8 8h.01M5.5 10.5h.01M10.5 10.5h.01" stroke-width="2"/>',
    "again": '<path d="M13 8a5 5 0 1 1-1.6-3.7M13 2.5v2.8h-2.8"/>',
    "reset": '<path d="M3 8a5 5 0 1 0 1.6-3.7M3 2.5v2.8h2.8"/>',
    "swap": '<path d="M5 2.5v11M5 13.5l-2.2-2.2M5 13.5l2.2-2.2M11 13.5v-11M11 2.5 8.8 4.7'
    'M11 2.5l2.2 2.2"/>',
    "info": '<circle cx="8" cy="8" r="5.5"/><path d="M8 7.4v3.3M8 5.2h.01"/>',
    "download": '<path d="M8 2.5v7.5M4.8 7 8 10.2 11.2 7M3 13.5h10"/>',
    "copy": '<rect x="5.5" y="5.5" width="8" height="8" rx="1.5"/>'
    '<path d="M10.5 5.5v-2a1 1 0 0 0-1-1h-6a1 1 0 0 0-1 1v6a1 1 0 0 0 1 1h2"/>',
    "seed": '<path d="M8 13.5V8M8 8c0-3 1.8-4.7 5-5 0 3.2-2 5-5 5ZM8 10.5c0-2.3-1.6-3.7-4.7-4'
    ' 0 2.6 1.8 4 4.7 4Z"/>',
    "settings": '<path d="M2.5 4.5h6M12 4.5h1.5M2.5 11.5H4M7.5 11.5h6"/>'
    '<circle cx="10.2" cy="4.5" r="1.7"/><circle cx="5.8" cy="11.5" r="1.7"/>',
    "keyboard": '<rect x="1.5" y="4" width="13" height="8.5" rx="1.5"/>'
    '<path d="M4.2 6.8h.01M6.7 6.8h.01M9.3 6.8h.01M11.8 6.8h.01M5 9.8h6"/>',
    "close": '<path d="m4 4 8 8M12 4l-8 8"/>',
    "stop": '<rect x="4" y="4" width="8" height="8" rx="1.2" fill="currentColor"/>',
    "minus": '<path d="M3.5 8h9"/>',
    "search": '<circle cx="7" cy="7" r="4.2"/><path d="m10.2 10.2 3.3 3.3"/>',
    "plus": '<path d="M8 3.5v9M3.5 8h9"/>',
    "trash": '<path d="M3 4.5h10M6.5 4.5v-2h3v2M4.5 4.5l.6 9h5.8l.6-9M7 7v4M9 7v4"/>',
    "link": '<path d="M6.8 9.2a2.6 2.6 0 0 0 3.7 0l2-2a2.6 2.6 0 0 0-3.7-3.7l-.8.8M9.2 6.8a2.6 2.6'
    ' 0 0 0-3.7 0l-2 2a2.6 2.6 0 0 0 3.7 3.7l.8-.8"/>',
    "send": '<path d="M8.5 3H4a1.5 1.5 0 0 0-1.5 1.5v7A1.5 1.5 0 0 0 4 13h7a1.5 1.5 0 0 0 '
    '1.5-1.5V9M7 9l6.5-6.5M9.8 2.5h3.7v3.7"/>',
    "input": '<path d="M13 8.5V12a1.5 1.5 0 0 1-1.5 1.5h-7A1.5 1.5 0 0 1 3 12V8.5M8 2.5v7.5'
    'M5 7.2 8 10l3-2.8"/>',
    "pencil": '<path d="m3 13 .7-3 6.9-6.9a1.2 1.2 0 0 1 1.7 0l.6.6a1.2 1.2 0 0 1 0 1.7L6 12.3Z'
    'M9.3 4.4l2.3 2.3"/>',
    "apply": '<path d="m3 8.5 3.3 3.3L13 5"/>',
}


def text(words: str) -> str:
    """Our own words as HTML that Gradio's template engine takes literally."""
    return html.escape(words).translate({ord(c): f"&#{ord(c)};" for c in "`${\\"})


def icon(name: str) -> str:
    """A line icon, 16 px, in the colour of the text around it."""
    return drawn(_PATHS[name])


def drawn(paths: str) -> str:
    """SVG elements on a grid of 16 as an icon of the page's one style."""
    return (
        '<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" '
        'fill="none" stroke="currentColor" stroke-width="1.4" stroke-linecap="round" '
        f'stroke-linejoin="round">{paths}</svg>'
    )


def icon_button(name: str, label: str, action: str) -> str:
    """A button that shows only an icon; `label` is its name and its tool tip."""
    words = text(label)
    return (
        f'<button type="button" class="icon-button" data-action="{action}" '
        f'aria-label="{words}" title="{words}">{icon(name)}</button>'
    )


def labelled_button(name: str, label: str, action: str) -> str:
    """A button with icon and words, of which a narrow page shows only the icon."""
    words = text(label)
    return (
        f'<button type="button" class="plain" data-action="{action}" '
        f'aria-label="{words}" title="{words}">{icon(name)}<span>{words}</span></button>'
    )


def help_bubble(field: str, title: str, words: str) -> str:
    """An (i) whose bubble opens on hover, focus or touch; the control names it as description."""
    return (
        f'<span class="help"><button type="button" aria-label="About {text(title)}" '
        f'aria-describedby="{field}-help">{icon("info")}</button>'
        f'<span role="tooltip" id="{field}-help">{text(words)}</span></span>'
    )


def group_head(title: str) -> str:
    """Header of a group of settings that folds; a script fills in the values."""
    return (
        '<button type="button" class="group-head" aria-expanded="true">'
        f'<span>{text(title)}</span><span class="summary"></span>{icon("chevron")}</button>'
    )


NAME = "<h1>Latent Studio</h1>"

TASKS = {
    "text_to_image": "Text to image",
    "image_to_image": "Image to image",
    "inpaint": "Inpaint",
    "outpaint": "Outpaint",
}
"""The tasks as the page names them; each has a tab, whose address has dashes."""

_LINKS = {**TASKS, "controlnet": "ControlNet", "models": "Models"}

TABS = f"""
<nav class="tabs" aria-label="Parts of the studio">
  {"".join(f'<a href="#{one.replace("_", "-")}">{title}</a>' for one, title in _LINKS.items())}
</nav>
"""

BADGES = '<div class="badges" role="group" aria-label="What acts on the picture"></div>'

STATUS_BAR = f"""
<div class="status-bar">
  <span class="state"><i></i><span></span></span>
  <span class="device"></span>
  <span class="queue"></span>
  {icon_button("keyboard", "Keys", "keys")}
  <dialog class="keys" aria-label="Keys">
    <h2>Keys</h2>
    <dl>
      <div><dt><kbd>Ctrl</kbd> <kbd>Enter</kbd></dt><dd>Generate, or queue one more</dd></div>
      <div><dt><kbd>Esc</kbd></dt><dd>Stop the running picture</dd></div>
      <div><dt><kbd>←</kbd> <kbd>→</kbd></dt><dd>Step through the pictures in a row</dd></div>
      <div><dt><kbd>C</kbd></dt><dd>Compare with the picture before</dd></div>
      <div><dt><kbd>↑</kbd> <kbd>↓</kbd></dt><dd>Step through a list of models</dd></div>
      <div><dt>Double click</dt><dd>Set a slider to its default</dd></div>
      <div><dt><kbd>?</kbd></dt><dd>Show these keys</dd></div>
    </dl>
    <button type="button" class="plain" data-action="close">Close</button>
  </dialog>
</div>
"""

GENERATE = f"""
<div class="generate">
  <button type="button" class="sheet-button" aria-expanded="false" aria-label="Settings">
    {icon("settings")}<span>Settings</span>
  </button>
  <button type="button" class="primary" id="generate" title="Ctrl+Enter">
    <span class="go">Generate</span><span class="halt">{icon("stop")}Stop</span>
  </button>
</div>
"""

SIZES = f"""
<div class="sizes" role="group" aria-label="Size presets">
  <button type="button" data-action="swap" title="Swap width and height">
    {icon("swap")}Swap</button>
  <button type="button" data-action="as-picture">As the picture</button>
</div>
"""

SETTINGS_FOOT = f"""
<div class="settings-foot">
  <button type="button" class="plain" data-action="reset-all">{icon("reset")}Reset all</button>
</div>
"""

SHEET_HEAD = f"""
<div class="sheet-head"><h2>Settings</h2>{icon_button("close", "Close the settings", "close")}</div>
"""

_PICTURES = 'type="file" accept="image/*" multiple hidden data-takes="pictures"'

BATCH = f"""
<div class="many">
  <input {_PICTURES} data-button="many-pictures" aria-label="Pictures of the batch">
  <input {_PICTURES} data-button="many-folder" webkitdirectory aria-label="Folder of pictures">
  <input type="file" accept="image/*" multiple hidden data-takes="masks" data-button="many-masks"
    aria-label="Masks of the batch">
  <div class="many-row">
    <button type="button" class="plain framed" data-action="many-pictures">Pictures…</button>
    <button type="button" class="plain framed" data-action="many-folder">Folder…</button>
    <span class="many-chosen"></span>
  </div>
  <div class="many-row many-masks">
    <button type="button" class="plain framed" data-action="many-masks"
      title="A mask belongs to the picture of the same name">Masks…</button>
    <span class="many-masked"></span>
  </div>
  <div class="many-row">
    <button type="button" class="primary small" data-action="start">Run</button>
    <button type="button" class="plain framed" data-action="halt" hidden>Stop the batch</button>
    <span class="many-words" role="status"></span>
  </div>
  <ul class="many-faults" aria-label="Left out"></ul>
</div>
"""

ROUNDS = f"""
<div class="field-head rounds"><label for="rounds">Loop</label>
  {help_bubble("rounds", "Loop", "Rounds. Each result becomes the next picture to change.")}
  <input type="number" id="rounds" min="1" max="100" step="1" aria-describedby="rounds-help">
</div>
"""

"""HTML files beside the scripts and styles they belong to, filled in.

In such a file `{{word argument 'another argument'}}` stands for what one of `WORDS` makes of the
arguments. Nothing that a user typed or named comes here: scripts set such text.
"""

from __future__ import annotations

import html
import re
import shlex
from collections.abc import Callable
from functools import cache
from pathlib import Path

STATIC = Path(__file__).parent / "static"
_CALL = re.compile(r"\{\{(.+?)\}\}")
_SYMBOL = re.compile(r'<symbol id="([\w-]+)"[^>]*>(.*?)</symbol>', re.DOTALL)

WORDS: dict[str, Callable[..., str]] = {}
"""What may stand in the files; `word` adds to it."""


def word(make: Callable[..., str]) -> Callable[..., str]:
    """Lets the function be called from the files by its name."""
    WORDS[make.__name__] = make
    return make


@word
def include(name: str, *given: str) -> str:
    """The file `name` of `static/`, filled in; for each "NAME=TEXT" that is `given`, `{{NAME}}` in
    it stands for TEXT. Raises KeyError for a word that there is not."""
    texts = dict(each.split("=", 1) for each in given)

    def made(call: re.Match[str]) -> str:
        name, *arguments = shlex.split(call[1])
        return text(texts[name]) if name in texts else WORDS[name](*arguments)

    return _CALL.sub(made, (STATIC / name).read_text("utf-8").strip())


text = html.escape


@cache
def _icons() -> dict[str, str]:
    source = (STATIC / "shared" / "icons.svg").read_text("utf-8")
    return {name: " ".join(paths.split()) for name, paths in _SYMBOL.findall(source)}


@word
def icon(name: str) -> str:
    """A line icon, 16 px, in the colour of the text around it."""
    return (
        '<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" '
        'fill="none" stroke="currentColor" stroke-width="1.4" stroke-linecap="round" '
        f'stroke-linejoin="round">{_icons()[name]}</svg>'
    )


@word
def icon_button(name: str, label: str, action: str) -> str:
    """A button that shows only an icon; `label` is its name and its tool tip."""
    label = text(label)
    return (
        f'<button type="button" class="icon-button" data-action="{action}" '
        f'aria-label="{label}" title="{label}">{icon(name)}</button>'
    )


@word
def labelled_button(name: str, label: str, action: str) -> str:
    """A button with icon and words, of which a narrow page shows only the icon."""
    label = text(label)
    return (
        f'<button type="button" class="plain" data-action="{action}" '
        f'aria-label="{label}" title="{label}">{icon(name)}<span>{label}</span></button>'
    )


@word
def help_bubble(field: str, title: str, words: str) -> str:
    """An (i) whose bubble opens on hover, focus or touch; the control names it as description."""
    return (
        f'<span class="help"><button type="button" aria-label="About {text(title)}" '
        f'aria-describedby="{field}-help">{icon("info")}</button>'
        f'<span role="tooltip" id="{field}-help">{text(words)}</span></span>'
    )


@word
def keys(keys: str, meaning: str) -> str:
    """A row of keys and what they do; keys pressed together are parted by a blank."""
    pressed = " ".join(f"<kbd>{text(key)}</kbd>" for key in keys.split())
    return f"<div><dt>{pressed}</dt><dd>{text(meaning)}</dd></div>"

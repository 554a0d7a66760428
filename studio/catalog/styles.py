"""Styles: words with a name that are put around a prompt, in tables as AUTOMATIC1111 has them."""

from __future__ import annotations

import csv
import difflib
import io
import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from studio.catalog.shelves import Shelf, Shelves
from studio.domain.accounts import LOCAL, check_owner, is_guest
from studio.domain.errors import InvalidRequest, NotFound, SaveError, shorten
from studio.domain.files import as_text, read_text

_MOST_BYTES = 16 * 2**20
_SLOT = "{prompt}"
_TABLE = "styles.csv"
_FEW = 12
"""Characters of a style that a prompt may have by chance."""


@dataclass(frozen=True)
class Style:
    """`prompt` and `negative_prompt` stand behind the request's, or around it where they have a
    {prompt}. `shelf`: where it lies."""

    name: str
    prompt: str
    negative_prompt: str
    shelf: Shelf


def put_on(text: str, style: str) -> str:
    """A prompt in the words of a style."""
    if _SLOT in style:
        return style.replace(_SLOT, text)
    if not style.strip():
        return text
    return ", ".join(filter(None, (text.strip(), style.strip())))


def _taken_off(text: str, style: str) -> str | None:
    """What `put_on` made `text` of; None where it did not."""
    before, slot, after = style.partition(_SLOT)
    if not slot:
        before, after = "", style.strip()
        if not after or text == after:
            return "" if after else text
        after = f", {after}"
    fits = text.startswith(before) and text.endswith(after)
    if _SLOT in after or not fits or len(text) < len(before) + len(after):
        return None
    return text[len(before) : len(text) - len(after)]


def taken_off(
    prompt: str, negative_prompt: str, styles: Iterable[Style]
) -> tuple[str, str, tuple[str, ...]]:
    """Both prompts without the `styles` whose words stand around both, and the names of those, in
    the order in which they were put on. A style of a few letters is not looked for."""
    names: list[str] = []
    left = [style for style in styles if len(style.prompt.replace(_SLOT, "").strip()) >= _FEW]
    left.sort(key=lambda style: -len(style.prompt) - len(style.negative_prompt))
    at = 0
    while at < len(left):
        style = left[at]
        words = _taken_off(prompt, style.prompt)
        negative = _taken_off(negative_prompt, style.negative_prompt)
        at += 1
        if words is not None and negative is not None:
            prompt, negative_prompt = words, negative
            names.insert(0, style.name)
            left.remove(style)
            at = 0
    return prompt, negative_prompt, tuple(names)


class Styles:
    """Those in the tables on the shelves of `shipped` and `own`; those of an account come before
    others of the same name. Safe in several threads."""

    def __init__(self, shipped: Path, own: Path) -> None:
        self._shelves = Shelves(shipped, own)
        self._lock = threading.Lock()

    def all(self, account: str = LOCAL) -> list[Style]:
        """Those that `account` has, in their order, the shipped ones first. Raises `InvalidRequest`
        for a table that cannot be read."""
        found: dict[str, Style] = {}
        for shelf in self._shelves.seen_by(account):
            found |= _table(shelf)
        return list(found.values())

    def find(self, name: str, account: str = LOCAL) -> Style:
        """Raises `InvalidRequest` where `account` has none of that name."""
        styles = {style.name: style for style in self.all(account)}
        if name not in styles:
            near = difflib.get_close_matches(name, styles, n=3, cutoff=0.4) or list(styles)[:5]
            raise InvalidRequest(
                f"There is no style {shorten(name)}. Is it {' or '.join(near)}?", "styles"
            )
        return styles[name]

    def put(
        self,
        name: str,
        prompt: str,
        negative_prompt: str,
        account: str = LOCAL,
        shared: bool = False,
    ) -> Style:
        """Keep one of `account`, for itself or `shared` with everybody. Raises `SaveError`."""
        shelf = self._shelves.of(account, shared)
        style = Style(name, prompt, negative_prompt, shelf)
        with self._lock:
            _write(shelf, _table(shelf) | {name: style})
            if not is_guest(account):
                self._take_from(self._shelves.of(account, not shared), name)
        return style

    def delete(self, name: str, account: str = LOCAL) -> None:
        """Forget one that `account` may change. Raises `NotFound`, `NotYours`, or `SaveError`."""
        with self._lock:
            shelves = [shelf for shelf in self._shelves.seen_by(account) if shelf.owner]
            own = [shelf for shelf in shelves if name in _table(shelf)]
            if not own:
                raise NotFound(f"There is no style {shorten(name)} of your own. Shipped ones stay.")
            check_owner(account, own[-1].owner, f"The style {shorten(name)}")
            self._take_from(own[-1], name)

    def _take_from(self, shelf: Shelf, name: str) -> None:
        table = _table(shelf)
        if table.pop(name, None):
            _write(shelf, table)


def _write(shelf: Shelf, styles: dict[str, Style]) -> None:
    path = shelf.folder / _TABLE
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(("name", "prompt", "negative_prompt"))
    table.writerows((each.name, each.prompt, each.negative_prompt) for each in styles.values())
    partial = path.with_name(f"{_TABLE}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(text.getvalue().encode("utf-8"))
        os.replace(partial, path)
    except OSError as error:
        raise SaveError(
            f"{as_text(path)} cannot be written: {error.strerror or error}. Free some "
            "disk space, or make the folder writable."
        ) from None


def _table(shelf: Shelf) -> dict[str, Style]:
    """Name -> style; rows without a name are left out, columns that are missing are empty."""
    path = shelf.folder / _TABLE
    try:
        text = read_text(path, _MOST_BYTES).removeprefix("\ufeff")
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidRequest(
            f"The styles in {as_text(path)} cannot be read: {error}. Save them as UTF-8 text with "
            "the columns name, prompt and negative_prompt."
        ) from None
    styles = {}
    for row in rows:
        cells = {(key or "").strip().lower(): value or "" for key, value in row.items() if key}
        name = cells.get("name", "").strip()
        if name:
            prompt = cells.get("prompt", cells.get("text", ""))
            styles[name] = Style(name, prompt, cells.get("negative_prompt", ""), shelf)
    return styles

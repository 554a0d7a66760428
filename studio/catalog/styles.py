"""Styles: words with a name that are put around a prompt, in tables as AUTOMATIC1111 has them."""

from __future__ import annotations

import csv
import difflib
import io
import os
import threading
from dataclasses import dataclass
from pathlib import Path

from studio.domain.errors import InvalidRequest, NotFound, SaveError, shorten
from studio.domain.files import as_text, read_text

_MOST_BYTES = 16 * 2**20
_SLOT = "{prompt}"


@dataclass(frozen=True)
class Style:
    """`prompt` and `negative_prompt` stand behind the request's, or around it where they have a
    {prompt}. `is_own`: not shipped."""

    name: str
    prompt: str
    negative_prompt: str
    is_own: bool


def put_on(text: str, style: str) -> str:
    """A prompt in the words of a style."""
    if _SLOT in style:
        return style.replace(_SLOT, text)
    if not style.strip():
        return text
    return ", ".join(filter(None, (text.strip(), style.strip())))


class Styles:
    """Those in the table `shipped`, and the user's in `own`, which come before others of the same
    name. Safe in several threads."""

    def __init__(self, shipped: Path, own: Path) -> None:
        self._shipped = shipped
        self._own = own
        self._lock = threading.Lock()

    def all(self) -> list[Style]:
        """In their order, the shipped ones first. Raises `InvalidRequest` for a table that cannot
        be read."""
        return list((_table(self._shipped, False) | _table(self._own, True)).values())

    def find(self, name: str) -> Style:
        """Raises `InvalidRequest` where there is none of that name."""
        styles = {style.name: style for style in self.all()}
        if name not in styles:
            near = difflib.get_close_matches(name, styles, n=3, cutoff=0.4) or list(styles)[:5]
            raise InvalidRequest(
                f"There is no style {shorten(name)}. Is it {' or '.join(near)}?", "styles"
            )
        return styles[name]

    def put(self, style: Style) -> None:
        """Keep one of the user's. Raises `SaveError`."""
        with self._lock:
            self._write(_table(self._own, True) | {style.name: style})

    def delete(self, name: str) -> None:
        """Forget one of the user's. Raises `NotFound`, or `SaveError`."""
        with self._lock:
            styles = _table(self._own, True)
            if name not in styles:
                raise NotFound(f"There is no style {shorten(name)} of your own. Shipped ones stay.")
            del styles[name]
            self._write(styles)

    def _write(self, styles: dict[str, Style]) -> None:
        text = io.StringIO(newline="")
        table = csv.writer(text)
        table.writerow(("name", "prompt", "negative_prompt"))
        table.writerows((each.name, each.prompt, each.negative_prompt) for each in styles.values())
        partial = self._own.with_name(self._own.name + ".partial")
        try:
            self._own.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(text.getvalue().encode("utf-8"))
            os.replace(partial, self._own)
        except OSError as error:
            raise SaveError(
                f"{as_text(self._own)} cannot be written: {error.strerror or error}. Free some "
                "disk space, or make the folder writable."
            ) from None


def _table(path: Path, is_own: bool) -> dict[str, Style]:
    """Name -> style; rows without a name are left out, columns that are missing are empty."""
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
            styles[name] = Style(name, prompt, cells.get("negative_prompt", ""), is_own)
    return styles

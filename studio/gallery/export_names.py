"""Names for files that are given away, from patterns in AUTOMATIC1111's words: "[date] [seed]"."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection
from datetime import datetime

from studio.domain.errors import InvalidRequest
from studio.domain.request import GenerationRequest
from studio.store.pictures import PictureRow

_TAG = re.compile(r"\[([a-z_]+)(?:<([^<>\[\]]*)>)?\]")
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]+')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_MOST_BYTES = 200
"""Of a name without its ending: file systems take 255."""
_MOST_WORDS = 8

_Of = Callable[[PictureRow, GenerationRequest | None], object]


def _words(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", text)[:_MOST_WORDS])


_TAGS: dict[str, _Of] = {
    "id": lambda row, _: row.id,
    "date": lambda row, _: f"{row.created:%Y-%m-%d}",
    "datetime": lambda row, _: f"{row.created:%Y%m%d%H%M%S}",
    "seed": lambda row, _: row.seed,
    "width": lambda row, _: row.width,
    "height": lambda row, _: row.height,
    "model": lambda row, _: (row.checkpoint or "").rpartition("/")[2],
    "model_name": lambda row, _: (row.checkpoint or "").rpartition("/")[2],
    "prompt": lambda row, _: row.prompt.replace(" ", "_"),
    "prompt_spaces": lambda row, _: row.prompt,
    "prompt_words": lambda row, _: _words(row.prompt),
    "user": lambda row, _: (row.owner or "").partition(":")[0],
    "batch_number": lambda row, _: row.number + 1,
    "task": lambda row, _: row.task or "",
    "steps": lambda _, request: "" if request is None else request.steps,
    "cfg": lambda _, request: "" if request is None else f"{request.guidance_scale:g}",
    "sampler": lambda _, request: "" if request is None else request.scheduler,
    "clip_skip": lambda _, request: "" if request is None else request.clip_skip,
    "denoising": lambda _, request: getattr(request and request.task, "strength", ""),
    "styles": lambda _, request: "" if request is None else ", ".join(request.applied_styles),
}
_OF_REQUEST = {"steps", "cfg", "sampler", "clip_skip", "denoising", "styles"}
TAGS = tuple(_TAGS)
"""What stands in a pattern, each in square brackets. [datetime<%Y %H.%M>] has a format of its
own, as `strftime` reads it; times are UTC."""


def needs_request(pattern: str) -> bool:
    """Whether more than the ledger must be asked."""
    return not _OF_REQUEST.isdisjoint(name for name, _ in _TAG.findall(pattern))


def check(pattern: str) -> None:
    """Raises `InvalidRequest` for a word in brackets that is none of `TAGS`."""
    for name, _ in _TAG.findall(pattern):
        if name not in _TAGS:
            tags = ", ".join(f"[{tag}]" for tag in TAGS)
            raise InvalidRequest(f"there is no [{name}]. Names are made of: {tags}.", "name")


def file_name(
    pattern: str | None, row: PictureRow, request: GenerationRequest | None, suffix: str
) -> str:
    """A name without folders that every file system takes, by `pattern`, which was `check`ed; that
    of the picture's id where nothing is left of it."""

    def value(tag: re.Match[str]) -> str:
        name, form = tag.groups()
        if name == "datetime" and form:
            return _in_form(row.created, form)
        return str(_TAGS[name](row, request))

    stem = _safe(_TAG.sub(value, pattern)) if pattern else ""
    return (stem or row.id) + suffix


def unique(name: str, taken: Collection[str]) -> str:
    """`name`, with a number behind it where it is `taken` (in small letters)."""
    stem, dot, suffix = name.rpartition(".")
    number, free = 1, name
    while free.casefold() in taken:
        number += 1
        free = f"{stem} ({number}){dot}{suffix}"
    return free


def _in_form(time: datetime, form: str) -> str:
    try:
        return time.strftime(form)
    except ValueError:
        raise InvalidRequest(
            f"[datetime<{form}>] is no form of a time. Write one as <%Y-%m-%d %H.%M>.", "name"
        ) from None


def _safe(name: str) -> str:
    """Without what a file system could take for something else, and no longer than it holds."""
    name = unicodedata.normalize("NFC", name)
    name = _FORBIDDEN.sub("_", "".join(c for c in name if not 0xD800 <= ord(c) <= 0xDFFF))
    name = name.encode()[:_MOST_BYTES].decode(errors="ignore").strip(" .")
    return f"_{name}" if _RESERVED.fullmatch(name) else name

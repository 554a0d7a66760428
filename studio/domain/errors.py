"""Everything that can go wrong, as one small tree.

StudioError
├── InvalidRequest        the caller asked for something that cannot be; nothing was started
│   ├── UnknownCheckpoint
│   └── UnknownModel      no LoRA, VAE, embedding, … of that name
├── NotFound              no such job or picture (any more)
├── QueueFull             too many jobs wait already
├── CheckpointError       a model's files are missing, broken or of a kind we cannot run
├── OutOfMemory           the device is too small for this request
├── DownloadError         a file could not be fetched; what came of it goes on with the next try
├── SaveError             the picture exists, but could not be written to disk
└── EngineError           anything else that stopped one job; the studio goes on

Every message says the cause and the next step, and is fit to be shown to the artist.
Third-party errors are translated where they enter.
"""

from __future__ import annotations

from collections.abc import Callable, Container

from pydantic import ValidationError


class StudioError(Exception):
    """Base of all errors with a message for people. `status` is the HTTP status that fits."""

    status = 500


class InvalidRequest(StudioError):
    status = 422


class UnknownCheckpoint(InvalidRequest):
    pass


class UnknownModel(InvalidRequest):
    pass


class NotFound(StudioError):
    status = 404


class QueueFull(StudioError):
    status = 503


class CheckpointError(StudioError):
    pass


class OutOfMemory(StudioError):
    pass


class DownloadError(StudioError):
    status = 502


class SaveError(StudioError):
    status = 507


class EngineError(StudioError):
    pass


def named(name: str, message: str) -> StudioError:
    """The error of that class; an `EngineError` where there is no such class.

    `Failed` carries an error's name, so that it may cross threads and machines.
    """
    tree = globals().get(name)
    is_ours = isinstance(tree, type) and issubclass(tree, StudioError)
    return (tree if is_ours else EngineError)(message)


def explain(
    error: ValidationError,
    allowed: Callable[[str], str] = lambda name: "",
    tags: Container[str] = (),
) -> str:
    """One line for people: every wrong field (of very many the first few), its value, and what is
    `allowed(name)` for it. `tags` are left out of the names: pydantic puts into them by which
    member of a union a value was read."""
    items = error.errors(include_url=False)
    texts = [_explain_one(item, allowed, tags) for item in items[:_MOST_EXPLAINED]]
    if len(items) > _MOST_EXPLAINED:
        texts.append(f"And {len(items) - _MOST_EXPLAINED} more.")
    return " ".join(texts)


_MOST_EXPLAINED = 20


_REASONS = {
    "extra_forbidden": "unknown field. Check the spelling or leave it out.",
    "json_invalid": "this is not valid JSON ({error}).",
    "string_too_long": "too long, at most {max_length} characters are allowed.",
    "value_error": "{error}",
    "missing": "is missing.",
    "too_long": "{actual_length} are too many, at most {max_length} are allowed.",
    "union_tag_invalid": "{tag!r} is unknown. Choose one of: {expected_tags}.",
    "union_tag_not_found": 'say which with "kind".',
}


def _explain_one(item: dict, allowed: Callable[[str], str], tags: Container[str]) -> str:
    name = ".".join(str(part)[:80] for part in item["loc"] if part not in tags) or "request"
    if item["type"] in _REASONS:
        return f"{name}: " + _REASONS[item["type"]].format(**item.get("ctx", {}))
    value = shorten(item.get("input"))
    limits = allowed(name)
    if limits:
        return f"{name}: {value} is not allowed, it must be {limits}."
    return f"{name}: {value} is not allowed ({item['msg'].lower()})."


def shorten(value: object, limit: int = 40) -> str:
    """`value` as Python writes it, cut to `limit` characters: messages quote what callers sent."""
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"

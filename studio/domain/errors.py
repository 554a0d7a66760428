"""Everything that can go wrong, as one small tree.

StudioError
├── InvalidRequest        the caller asked for something that cannot be; nothing was started
│   ├── UnknownCheckpoint
│   ├── UnknownModel      no LoRA, VAE, embedding, … of that name
│   ├── UnknownWildcard   no wildcard of that name
│   ├── NotAllowed        the owner of the studio does not allow it
│   └── ConsentNeeded     a face is in the picture, and nobody said that its owner agrees
├── NotFound              no such job or picture (any more)
├── NotYours              it belongs to another login
├── QueueFull             too many jobs wait already
├── TooMany               an account has asked for more pictures than it may for now
├── CheckpointError       a model's files are missing, broken or of a kind we cannot run
├── OutOfMemory           the device is too small for this request
├── LoginNeeded           a studio elsewhere lets nobody in without a login, or this one is wrong
├── Unreachable           no studio answers at an address
├── DownloadError         a file could not be fetched; what came of it goes on with the next try
├── SaveError             the picture exists, but could not be written to disk
└── EngineError           anything else that stopped one job; the studio goes on

Every message says the cause and the next step, and is fit to be shown to the artist.
Third-party errors are translated where they enter.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from typing import Self

from pydantic import ValidationError

from studio.domain.files import as_text


class StudioError(Exception):
    """Base of all errors with a message for people.

    `field` is the field of the request that it is about, as in "controls.0.image", "" for none;
    the error as text begins with it. `status` is the HTTP status that fits.
    """

    status = 500

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.message = as_text(message)
        self.field = field

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message

    def within(self, place: str) -> Self:
        """The same error, its field being one of `place`, as of a unit "controls.0"."""
        return type(self)(self.message, f"{place}.{self.field}" if self.field else place)


class InvalidRequest(StudioError):
    status = 422


class UnknownCheckpoint(InvalidRequest):
    pass


class UnknownModel(InvalidRequest):
    pass


class UnknownWildcard(InvalidRequest):
    pass


class NotAllowed(InvalidRequest):
    pass


class ConsentNeeded(InvalidRequest):
    pass


class NotFound(StudioError):
    status = 404


class NotYours(StudioError):
    status = 403


class QueueFull(StudioError):
    status = 503


class TooMany(StudioError):
    status = 429


class CheckpointError(StudioError):
    pass


class OutOfMemory(StudioError):
    status = 422


class LoginNeeded(StudioError):
    status = 401


class Unreachable(StudioError):
    status = 502


class DownloadError(StudioError):
    status = 502


class SaveError(StudioError):
    status = 507


class EngineError(StudioError):
    pass


_TREE: dict[str, type[StudioError]] = {
    each.__name__: each
    for each in (
        StudioError,
        InvalidRequest,
        UnknownCheckpoint,
        UnknownModel,
        UnknownWildcard,
        NotAllowed,
        ConsentNeeded,
        NotFound,
        NotYours,
        QueueFull,
        TooMany,
        CheckpointError,
        OutOfMemory,
        LoginNeeded,
        Unreachable,
        DownloadError,
        SaveError,
        EngineError,
    )
}


def named(name: str, message: str, field: str = "") -> StudioError:
    """The error of that class; an `EngineError` where there is no such class.

    `Failed` carries an error's name, so that it may cross threads and machines.
    """
    return _TREE.get(name, EngineError)(message, field)


@contextmanager
def about(place: str) -> Iterator[None]:
    """Whatever is raised within is about the field `place`, or about one of its fields."""
    try:
        yield
    except StudioError as error:
        raise error.within(place) from None


def refused(
    error: ValidationError,
    allowed: Callable[[str], str] = lambda name: "",
    tags: Container[str] = (),
) -> InvalidRequest:
    """`error` in words for people, as `explain` makes them; of a single wrong field, with it."""
    items = error.errors(include_url=False)
    if len(items) == 1 and (field := _field(items[0], tags)):
        return InvalidRequest(_reason(items[0], field, allowed), field)
    return InvalidRequest(explain(error, allowed, tags))


def explain(
    error: ValidationError,
    allowed: Callable[[str], str] = lambda name: "",
    tags: Container[str] = (),
) -> str:
    """One line for people: every wrong field (of very many the first few), its value, and what is
    `allowed(name)` for it. `tags` are left out of the names: pydantic puts into them by which
    member of a union a value was read."""
    items = error.errors(include_url=False)
    fields = [_field(item, tags) or "request" for item in items[:_MOST_EXPLAINED]]
    texts = [
        f"{field}: {_reason(item, field, allowed)}"
        for item, field in zip(items, fields, strict=False)
    ]
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
    "too_long": "too many, at most {max_length} are allowed.",
    "union_tag_invalid": "{tag} is unknown. Choose one of: {expected_tags}.",
    "union_tag_not_found": 'say which with "kind".',
}


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a third party's `error` says that the memory of this computer or of a device ran out.
    PyTorch has a class for it where there is a GPU, elsewhere only words."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    phrases = ("out of memory", "allocate memory", "bad_alloc")
    return isinstance(error, RuntimeError) and any(word in str(error) for word in phrases)


def bounded(text: str, most: int) -> str:
    """`text` itself. Raises ValueError where it has more than `most` characters: what is taken
    apart character by character is measured first."""
    if len(text) > most:
        raise ValueError(f"too long, at most {most} characters are allowed.")
    return text


def _field(item: dict, tags: Container[str]) -> str:
    """Which one an entry of pydantic's is about; "" for the record as a whole."""
    return ".".join(str(part)[:80] for part in item["loc"] if part not in tags)


def _reason(item: dict, field: str, allowed: Callable[[str], str]) -> str:
    if item["type"] in _REASONS:
        context = item.get("ctx", {})
        if "tag" in context:
            context = context | {"tag": shorten(context["tag"])}
        return _REASONS[item["type"]].format(**context)
    value = shorten(item.get("input"))
    limits = allowed(field)
    if limits:
        return f"{value} is not allowed, it must be {limits}."
    return f"{value} is not allowed ({item['msg'].lower()})."


def shorten(value: object, limit: int = 40) -> str:
    """`value` as Python writes it, cut to `limit` characters: messages quote what callers sent."""
    text = repr(value[: limit + 1] if isinstance(value, str | bytes) else value)
    return text if len(text) <= limit else text[: limit - 1] + "…"

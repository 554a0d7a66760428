"""What came of reading: the settings, and what became of everything that was there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Texts = Mapping[str, str]
"""What a file says: keyword -> text."""


@dataclass(frozen=True)
class Ignored:
    """A setting that the request does not have as it stood there, and why."""

    name: str
    value: str
    why: str


@dataclass(frozen=True)
class Missing:
    """Something that the request needs and is not here. `kind` is one of `refs.KINDS`, or "image"
    for a picture that the other studio began with; `hash` are digits of its sha256, if told."""

    kind: str
    name: str
    hash: str | None
    why: str


@dataclass(frozen=True)
class Reading:
    """source      whose settings they are: studio, automatic1111, comfyui, invokeai, fooocus,
                sdnext, novelai; "none" where there are none
    request     fields of a `GenerationRequest`, as JSON; those left out are the reader's own
    understood  the settings that are in it, as they are called there
    awaits      fields of a `GenerationRequest` that need a picture which is not here, as far as
                they are told: `task` without its pictures, `controls` without theirs
    """

    source: str = "none"
    request: dict[str, Any] = field(default_factory=dict)
    understood: tuple[str, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    missing: tuple[Missing, ...] = ()
    awaits: dict[str, Any] = field(default_factory=dict)

"""What a name stands for where it names no model of the kind that is wanted."""

from __future__ import annotations

from contextlib import suppress
from pathlib import PurePath

from studio.catalog.catalog import Catalog
from studio.domain.errors import InvalidRequest
from studio.domain.refs import KINDS


def of_another_kind(catalog: Catalog, name: str, kind: str) -> str | None:
    """In a sentence, what `name`, or the path of a file, is instead of a model of `kind`, or why it
    was left out of the catalog; None: it is unknown."""
    for other in KINDS:
        with suppress(InvalidRequest):
            ref = catalog.find(name, other)
            return f"{ref.name} is no {kind}, but a model of the kind {other.replace('_', ' ')}."
    return left_out(catalog, name)


def left_out(catalog: Catalog, name: str) -> str | None:
    """Why the file of this name, or path, cannot be used; None: there is none such."""
    name = PurePath(name).name
    for path, reason in {**catalog.broken, **catalog.pending}.items():
        if name in (path.name, path.stem):
            return f"{name} cannot be used: {reason}"
    return None

"""Which detectors there are, and what a request calls them."""

from __future__ import annotations

from collections.abc import Iterator

from studio.catalog.catalog import Catalog
from studio.catalog.otherwise import of_another_kind
from studio.domain.detectors import OWN
from studio.domain.errors import UnknownModel, shorten
from studio.domain.refs import ModelRef


def names(catalog: Catalog) -> Iterator[str]:
    """Those of all there are: the studio's own, then the artist's."""
    yield from OWN
    yield from (ref.name for ref in catalog.refs("detector") if ref.name not in OWN)


def find(catalog: Catalog, name: str) -> ModelRef | str:
    """The detector that is called so: the name of one of the studio's own, in any case of its
    letters, or a model. Raises `UnknownModel`."""
    for own in OWN:
        if own.casefold() == name.strip().casefold():
            return own
    try:
        return catalog.find(name, "detector")
    except UnknownModel:
        there = ", ".join(names(catalog))
        what = of_another_kind(catalog, name, "detector")
        raise UnknownModel(
            f"{what or f'There is no detector {shorten(name)}.'} There are: {there}. Others come "
            "as YOLO networks in ONNX files, in a folder of models."
        ) from None


def name_of(catalog: Catalog, name: str) -> str:
    """What a detector is called here. Raises `UnknownModel`."""
    found = find(catalog, name)
    return found if isinstance(found, str) else found.name

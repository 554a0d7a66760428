"""What the routes are given of the studio."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from PIL import Image

from studio.api.places import PublicText
from studio.catalog.catalog import Catalog
from studio.catalog.styles import Styles
from studio.catalog.words import Words
from studio.domain.control import ControlInput
from studio.domain.geometry import Size
from studio.domain.request import GenerationRequest
from studio.gallery.files import Gallery
from studio.gallery.inputs import Inputs
from studio.jobs.grids import Grids
from studio.jobs.queue import JobQueue
from studio.reading.reader import Reader

MapOf = Callable[[ControlInput, Size | None, str | None], Image.Image]
MapAgain = Callable[[GenerationRequest, int], Image.Image]


class Studio(Protocol):
    """What is taken of the studio."""

    queue: JobQueue
    grids: Grids
    gallery: Gallery
    inputs: Inputs
    catalog: Catalog
    words: Words
    reader: Reader
    default_checkpoint: str | None


@dataclass(frozen=True)
class Desk:
    """
    checkpoint  the name of the one that draws where a request names none, if there is any
    map_of      (unit with an image, size, name of a mask) -> its map
    map_again   (settled request, number of a unit from 1) -> the map that it was led by
    public      makes a message fit to leave this machine
    """

    queue: JobQueue
    grids: Grids
    gallery: Gallery
    inputs: Inputs
    catalog: Catalog
    styles: Styles
    reader: Reader
    checkpoint: Callable[[], str | None]
    map_of: MapOf
    map_again: MapAgain
    public: PublicText

    @classmethod
    def of(cls, studio: Studio, map_of: MapOf, map_again: MapAgain, public: PublicText) -> Desk:
        return cls(
            studio.queue,
            studio.grids,
            studio.gallery,
            studio.inputs,
            studio.catalog,
            studio.words.styles,
            studio.reader,
            lambda: studio.default_checkpoint,
            map_of,
            map_again,
            public,
        )

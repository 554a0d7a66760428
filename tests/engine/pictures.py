"""Pictures and masks that requests of the engine's tests name."""

from __future__ import annotations

import io
from functools import cache, partial

import numpy as np
from PIL import Image, ImageDraw

from studio.catalog.select import select
from studio.domain.events import Finished
from studio.domain.request import GenerationRequest
from studio.engine.protocol import never
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.imaging.plans import source_size
from studio.picturebook.world import Scene
from tests.engine.running import run
from tests.models_in_memory import catalog, manager


@cache
def scene(size: tuple[int, int] = (128, 128), seed: int = 3) -> Image.Image:
    """A drawn scene of picturebook's world, RGB."""
    return Scene.random(np.random.default_rng(seed)).draw(size)


def box_mask(size: tuple[int, int], box: tuple[int, int, int, int]) -> Image.Image:
    """White in `box` (left, top, right, bottom; up to, but not including), black elsewhere."""
    mask = Image.new("L", size)
    left, top, right, bottom = box
    ImageDraw.Draw(mask).rectangle((left, top, right - 1, bottom - 1), fill=255)
    return mask


class Desk:
    """An engine on picturebook, and the pictures it can read, by name."""

    def __init__(self, dtype: str = "float32", **images: Image.Image) -> None:
        self.files: dict[str, bytes] = {}
        for name, image in images.items():
            self.put(name, image)
        self.engine = StableDiffusionEngine(
            manager(dtype), partial(select, catalog()), read=self.files.__getitem__
        )

    def put(self, name: str, image: Image.Image) -> None:
        stream = io.BytesIO()
        image.save(stream, "PNG")
        self.files[name] = stream.getvalue()

    def settled(self, **fields) -> GenerationRequest:
        ref = catalog().find("picturebook")
        request = GenerationRequest(**fields)
        image = getattr(request.task, "image", None)
        size = None
        if image is not None:
            size = source_size(request.task, Image.open(io.BytesIO(self.files[image])).size)
        return request.settled(ref.name, ref.family, source_size=size)

    def events(self, wants_preview=never, watch=lambda run, event: None, **fields) -> list:
        """All events of a request."""
        return run(self.engine, self.settled(**fields), wants_preview, watch)

    def draw(self, **fields) -> list:
        """The pictures (`events.Picture`) of a request that must succeed."""
        last = self.events(**fields)[-1]
        assert isinstance(last, Finished), last
        return list(last.pictures)

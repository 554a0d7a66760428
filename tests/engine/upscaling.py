"""Pictures enlarged in tests."""

from __future__ import annotations

import io
from functools import partial

from PIL import Image

from studio.catalog.catalog import Catalog
from studio.catalog.select import select
from studio.catalog.settle import settle
from studio.domain import events
from studio.domain.request import GenerationRequest
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.residence.manager import ModelManager
from tests.engine.running import run

FAST = "Real-ESRGAN animevideov3"
_FIELDS = ("prompt", "steps", "tiling", "controls")
"""Of a request, not of its task."""


class Table:
    """An engine with the embedded model and the shipped upscalers; `files` are what requests begin
    with."""

    def __init__(self, catalog: Catalog, **how) -> None:
        self.catalog, self.files = catalog, {}
        self.manager = ModelManager("cpu", "float32")
        self.engine = StableDiffusionEngine(
            self.manager, partial(select, catalog), read=self.files.__getitem__, **how
        )

    def request(self, image: Image.Image, upscaler: str | None = FAST, **task) -> GenerationRequest:
        stream = io.BytesIO()
        image.save(stream, "PNG")
        self.files["image"] = stream.getvalue()
        fields = {name: task.pop(name) for name in _FIELDS if name in task}
        task = {"kind": "upscale", "image": "image", "upscaler": upscaler, **task}
        return settle(self.catalog, GenerationRequest(task=task, seed=3, **fields), image.size)

    def enlarge(self, image: Image.Image, upscaler: str | None = FAST, **task) -> Image.Image:
        return self.picture(image, upscaler, **task).image

    def picture(self, image: Image.Image, upscaler: str | None = FAST, **task) -> events.Picture:
        last = run(self.engine, self.request(image, upscaler, **task))[-1]
        assert isinstance(last, events.Finished), last
        return last.pictures[0]

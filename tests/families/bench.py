"""The studio's engine over a catalog of small models, and what it hands the VAE's decoder."""

from __future__ import annotations

import io
from functools import partial

import torch
from diffusers import AutoencoderKL

from studio.catalog.catalog import Catalog
from studio.catalog.select import select
from studio.catalog.settle import settle
from studio.domain.events import Finished
from studio.domain.request import GenerationRequest
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.residence.manager import ModelManager
from tests.engine.pictures import box_mask, scene
from tests.engine.running import run

SIZE = (96, 64)
BOX = (32, 16, 80, 48)
"""Edges on latent cells."""
FIELDS = {
    "checkpoint": "z",
    "prompt": "a red fox",
    "seed": 7,
    "steps": 8,
    "guidance_scale": 1.0,
    "scheduler": "Euler",
    "width": SIZE[0],
    "height": SIZE[1],
}


class Bench:
    """Draws with what `catalog` has; `options` are those of `ModelManager`."""

    def __init__(self, catalog: Catalog, dtype: str = "float32", **options) -> None:
        self.catalog = catalog
        self.manager = ModelManager("cpu", dtype, **options)
        self.engine = StableDiffusionEngine(self.manager, partial(select, catalog), read=_png)

    def settled(self, **fields) -> GenerationRequest:
        return settle(self.catalog, GenerationRequest.parse({**FIELDS, **fields}), SIZE)

    def draw(self, wants_preview=lambda: False, **fields) -> tuple[list, torch.Tensor]:
        """(all events, the latents as the decoder got them)."""
        request = self.settled(**fields)
        with self.manager.lease(select(self.catalog, request)) as models, Seen(models.vae) as z:
            happened = run(self.engine, request, wants_preview)
        assert isinstance(happened[-1], Finished), happened[-1]
        return happened, torch.cat(z)


class Seen(list):
    """What goes into the decoder of `vae`, row by row: latents, scaled as it wants them."""

    def __init__(self, vae: AutoencoderKL) -> None:
        self._handle = vae.decoder.register_forward_pre_hook(
            lambda module, given: self.append(given[0].clone())
        )

    def __enter__(self) -> Seen:
        return self

    def __exit__(self, *raised: object) -> None:
        self._handle.remove()


def _png(name: str) -> bytes:
    stream = io.BytesIO()
    {"image": scene(SIZE), "mask": box_mask(SIZE, BOX)}[name].save(stream, "PNG")
    return stream.getvalue()

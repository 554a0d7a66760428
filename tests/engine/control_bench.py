"""Our engine and diffusers' pipelines on the same weights, with units of every kind."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from studio.diffusion import latents
from studio.domain.events import Finished
from studio.domain.refs import ModelRef, Selection
from studio.domain.request import GenerationRequest
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.residence.manager import ModelManager
from tests.diffusion.reference import for_pipeline
from tests.engine.running import run

FIELDS = {"prompt": "a green tree by the sea", "seed": 7, "steps": 3, "guidance_scale": 5.0}


class ControlBench:
    """One manager, from which both sides take the same modules.

    checkpoint   of both
    nets         name -> what a unit may name
    images       name -> what a unit may be given; the first has the size of the results
    encoders     what IP-Adapters see with
    """

    def __init__(
        self,
        checkpoint: ModelRef,
        nets: dict[str, ModelRef],
        images: dict[str, Image.Image],
        encoders: tuple[ModelRef, ...] = (),
    ) -> None:
        self.manager = ModelManager("cpu", "float32")
        self.images = images
        self._checkpoint, self._nets, self._encoders = checkpoint, nets, encoders
        self._engine = StableDiffusionEngine(
            self.manager,
            self._selected,
            read=lambda name: _png(images[name]),
            map_of=lambda unit, image, size, mask: image.resize(size),
        )

    def _selected(self, request: GenerationRequest) -> Selection:
        return self.selection([unit.controlnet for unit in request.controls])

    def selection(self, names: list[str]) -> Selection:
        """All that units of these names need in memory."""
        nets = tuple(self._nets[name] for name in dict.fromkeys(names))
        eyes = self._encoders if any(net.facts.architecture == "ip_adapter" for net in nets) else ()
        return Selection(self._checkpoint, controlnets=nets, image_encoders=eyes)

    def path(self, name: str) -> Path:
        """Where the net of that name lies."""
        return self._nets[name].path

    @cached_property
    def plain(self) -> Image.Image:
        """What our engine draws without a unit."""
        return self.ours()

    def ours(self, *controls: dict, **fields) -> Image.Image:
        """What our engine draws."""
        width, height = next(iter(self.images.values())).size
        request = GenerationRequest(
            **{"width": width, "height": height, **FIELDS, **fields}, controls=controls
        ).settled(self._checkpoint.name, self._checkpoint.family)
        last = run(self._engine, request)[-1]
        assert isinstance(last, Finished), last
        return last.pictures[0].image

    @torch.inference_mode()
    def theirs(self, names: list[str], build: Callable, **given) -> Image.Image:
        """What the pipeline draws that `build(models, scheduler)` makes; `given` goes to it."""
        with self.manager.lease(self.selection(names)) as models:
            scheduler = for_pipeline("DPM++ 2M", "automatic", "epsilon", [7])
            pipeline = build(models, scheduler)
            pipeline.set_progress_bar_config(disable=True)
            width, height = next(iter(self.images.values())).size
            common = {
                "prompt": FIELDS["prompt"],
                "num_inference_steps": FIELDS["steps"],
                "guidance_scale": FIELDS["guidance_scale"],
                "generator": latents.generators([7]),
                "output_type": "latent",
                "width": width,
                "height": height,
            }
            drawn = pipeline(**{**common, **given}).images
            return latents.decode(models.vae, drawn)[0]


def _png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def difference(one: Image.Image, other: Image.Image) -> int:
    """The largest of any channel."""
    return int(np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16)).max())

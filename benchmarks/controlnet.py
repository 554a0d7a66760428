"""ControlNet units: our engine against diffusers' pipeline, and what a unit costs.

    python benchmarks/controlnet.py [--model picturebook|sd15] [--row one|two|added|share|map]

Every ratio is the median over repeats of ours / baseline, the two timed in turn in one process. The
ControlNets have random weights of the size that fits the model. Ours includes reading the map from
a PNG file. Row "added" has for its baseline a run without units and then, alone, as many calls of
the ControlNet as the run has steps: what a unit must cost if nothing is done twice.
"""

from __future__ import annotations

import io
import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from common import drawing
from diffusers import ControlNetModel, StableDiffusionControlNetPipeline, UNet2DConditionModel
from PIL import Image

from studio.diffusion import latents, schedulers
from studio.domain.refs import ModelFacts, ModelFile, ModelRef, Selection
from studio.domain.request import GenerationRequest
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.picturebook.world import Scene
from studio.preprocessors.maps import Preprocessors
from studio.residence.manager import ModelManager

ROWS = {
    "one": "one unit / diffusers' pipeline",
    "two": "two units / diffusers' pipeline",
    "added": "one unit / none, and the ControlNet's calls alone",
    "share": "one unit / none",
    "map": "a map that was made before / one that was not",
}
NAMES = ("first", "second")
MAP_SIDE = 1024


def main() -> None:
    flags = drawing.options(__doc__, ROWS)
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = drawing.checkpoint(flags.model, Path(folder))
        nets = [_write_net(checkpoint, Path(folder) / name) for name in NAMES]
        manager = ModelManager(flags.device, flags.dtype)
        drawing.report(flags, manager, ROWS, Bench(checkpoint, nets, manager, flags.steps).pairs())


@dataclass
class Bench:
    """Both sides draw with the same modules, which one manager lends."""

    checkpoint: ModelRef
    nets: list[ModelRef]
    manager: ModelManager
    steps: int

    def __post_init__(self) -> None:
        self.map = _edges(self.checkpoint.family.native_size)
        stream = io.BytesIO()
        self.map.save(stream, "PNG", compress_level=1)
        self.engine = StableDiffusionEngine(
            self.manager,
            lambda request: self.selection(len(request.controls)),
            read=lambda name: stream.getvalue(),
            map_of=Preprocessors([], Path("absent")).of_unit,
        )

    def selection(self, units: int) -> Selection:
        return Selection(self.checkpoint, controlnets=tuple(self.nets[:units]))

    def request(self, units: int) -> GenerationRequest:
        return GenerationRequest(
            prompt="a red house on a meadow at sunset",
            negative_prompt="rain",
            steps=self.steps,
            guidance_scale=7.0,
            seed=1,
            controls=[{"controlnet": name, "image": "map"} for name in NAMES[:units]],
        ).settled(self.checkpoint.name, self.checkpoint.family)

    def ours(self, units: int) -> drawing.Work:
        return partial(drawing.run, self.engine, self.request(units))

    def pairs(self) -> dict[str, tuple[drawing.Work, drawing.Work]]:
        """Row -> what is compared: ours and the baseline."""
        return {
            "one": (self.ours(1), partial(self.theirs, 1)),
            "two": (self.ours(2), partial(self.theirs, 2)),
            "added": (self.ours(1), _both(self.ours(0), self.net_alone)),
            "share": (self.ours(1), self.ours(0)),
            "map": _maps(),
        }

    @torch.inference_mode()
    def theirs(self, units: int) -> None:
        request = self.request(units)
        with self.manager.lease(self.selection(units)) as held:
            scheduler = schedulers.build(request.scheduler, "automatic", "epsilon", [0]).inner
            nets = list(held.controlnets)
            made = drawing.pipeline(
                StableDiffusionControlNetPipeline,
                held,
                scheduler,
                controlnet=nets[0] if units == 1 else nets,
            )
            made(
                prompt=request.prompt,
                negative_prompt=request.negative_prompt,
                image=self.map if units == 1 else [self.map] * units,
                num_inference_steps=request.steps,
                guidance_scale=request.guidance_scale,
                width=request.width,
                height=request.height,
                generator=latents.generators([request.seed]),
            )

    @torch.inference_mode()
    def net_alone(self) -> None:
        """As many calls as a run has steps, each for the two rows of guidance."""
        with self.manager.lease(self.selection(1)) as held:
            [net], device = held.controlnets, self.manager.device
            width, height = self.checkpoint.family.native_size
            sample = torch.zeros(2, 4, height // 8, width // 8, device=device, dtype=net.dtype)
            map = torch.zeros(2, 3, height, width, device=device, dtype=net.dtype)
            prompt_embeds = torch.zeros(
                2, 77, net.config.cross_attention_dim, device=device, dtype=net.dtype
            )
            timestep = torch.full((2,), 500, device=device)
            for _ in range(self.steps):
                net(
                    sample,
                    timestep,
                    encoder_hidden_states=prompt_embeds,
                    controlnet_cond=map,
                    return_dict=False,
                )
            if device.type == "cuda":
                torch.cuda.synchronize(device)


def _maps() -> tuple[drawing.Work, drawing.Work]:
    picture = Scene.random(np.random.default_rng(1)).draw((MAP_SIDE, MAP_SIDE))
    kept = Preprocessors([], Path("absent"))

    def make(preprocessors: Callable[[], Preprocessors]) -> None:
        preprocessors().run("lineart_standard", picture, (MAP_SIDE, MAP_SIDE))

    return partial(make, lambda: kept), partial(make, lambda: Preprocessors([], Path("absent")))


def _both(*works: drawing.Work) -> drawing.Work:
    def run() -> None:
        for work in works:
            work()

    return run


def _write_net(checkpoint: ModelRef, target: Path) -> ModelRef:
    """A ControlNet that fits, of random weights, in `target`."""
    unet = UNet2DConditionModel.from_pretrained(
        checkpoint.path / "unet", torch_dtype=torch.bfloat16
    )
    net = ControlNetModel.from_unet(unet)
    for conv in (*net.controlnet_down_blocks, net.controlnet_mid_block):
        conv.weight.data.normal_(std=0.02)
    net.save_pretrained(target)
    facts = ModelFacts("controlnet", checkpoint.family)
    return ModelRef(target.name, ModelFile(target), facts)


def _edges(size: tuple[int, int]) -> Image.Image:
    picture = Scene.random(np.random.default_rng(1)).draw(size)
    return Preprocessors([], Path("absent")).run("canny", picture, size)


if __name__ == "__main__":
    main()

"""Our engine against diffusers' own pipeline: same weights, scheduler, device and number format.

    python benchmarks/text_to_image.py [--model picturebook|sd15] [--row engine|previews|dtype]

Every ratio is the median over repeats of ours / baseline, the two timed in turn in one process.
`sd15` builds a U-Net, text encoder and VAE of Stable Diffusion 1.5's size with random weights
(2 GB on disk for the time of the run) and draws one picture of 512 × 512.
"""

from __future__ import annotations

import argparse
from functools import partial

import torch
from common import drawing
from diffusers import StableDiffusionPipeline

from studio.diffusion import latents, schedulers
from studio.diffusion.execution import Execution
from studio.domain.refs import Selection
from studio.domain.request import GenerationRequest
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.residence.manager import ModelManager

PROMPT = "a red house on a meadow at sunset"

ROWS = {
    "engine": "engine / diffusers' pipeline",
    "previews": "preview at every step / none",
    "dtype": "default dtype / float32",
}


def main() -> None:
    drawing.compare(__doc__, ROWS, compared, has_sides=True)


def compared(
    selection: Selection,
    manager: ModelManager,
    flags: argparse.Namespace,
    execution: Execution | None = None,
) -> dict[str, tuple[drawing.Work, drawing.Work]]:
    """Row -> what is compared: ours, by `execution`, and the baseline."""
    request = GenerationRequest(
        prompt=PROMPT,
        negative_prompt="rain",
        steps=flags.steps,
        guidance_scale=7.0,
        seed=1,
        width=flags.side,
        height=flags.side,
    ).settled(selection.checkpoint.name, selection.checkpoint.family)
    engine = StableDiffusionEngine(manager, lambda request: selection, execution=execution)
    ours = partial(drawing.run, engine, request)
    pairs = {
        "engine": (ours, _diffusers(manager, selection, request)),
        "previews": (partial(drawing.run, engine, request, lambda: True), ours),
    }
    if manager.dtype != torch.float32:
        exact = ModelManager(str(manager.device), "float32")
        exact_engine = StableDiffusionEngine(exact, lambda request: selection)
        pairs["dtype"] = (ours, partial(drawing.run, exact_engine, request))
    return pairs


def _diffusers(
    manager: ModelManager, selection: Selection, request: GenerationRequest
) -> drawing.Work:
    def draw() -> None:
        with manager.lease(selection) as held:
            scheduler = schedulers.build(request.scheduler, "automatic", "epsilon", [0]).inner
            drawing.pipeline(StableDiffusionPipeline, held, scheduler)(
                prompt=request.prompt,
                negative_prompt=request.negative_prompt,
                num_inference_steps=request.steps,
                guidance_scale=request.guidance_scale,
                width=request.width,
                height=request.height,
                generator=latents.generators([request.seed]),
            )

    return draw


if __name__ == "__main__":
    main()

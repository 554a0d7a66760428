"""Our engine against diffusers' own pipeline: same weights, scheduler, device and number format.

    python benchmarks/text_to_image.py [--model picturebook|sd15] [--row engine|previews|dtype]

Every ratio is the median over repeats of ours / baseline, the two timed in turn in one process.
`sd15` builds a U-Net, text encoder and VAE of Stable Diffusion 1.5's size with random weights
(2 GB on disk for the time of the run) and draws one picture of 512 × 512.
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from common import models, pairs
from diffusers import StableDiffusionPipeline

from studio.diffusion import latents, schedulers
from studio.domain.events import Finished
from studio.domain.refs import ModelRef, Selection
from studio.domain.request import GenerationRequest
from studio.engine.protocol import WantsPreview, never
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.models import device as devices
from studio.models.catalog import Catalog
from studio.models.manager import ModelManager

PROMPT = "a red house on a meadow at sunset"

ROWS = {
    "engine": "engine / diffusers' pipeline",
    "previews": "preview at every step / none",
    "dtype": "default dtype / float32",
}


def main() -> None:
    options = _options()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        selection = Selection(_checkpoint(options.model, Path(folder)))
        manager = ModelManager(options.device, options.dtype)
        rows = []
        for name, (ours, baseline) in _pairs(selection, manager, options.steps).items():
            if options.row in (None, name):
                ours, baseline = (partial(pairs.seconds, draw) for draw in (ours, baseline))
                times = pairs.compare(ours, baseline, options.repeats, options.warmup)
                rows.append({"name": ROWS[name], **times})
    report = {
        "model": options.model,
        "device": devices.describe(manager.device),
        "dtype": str(manager.dtype).removeprefix("torch."),
        "torch": torch.__version__,
        "steps": options.steps,
        "repeats": options.repeats,
        "rows": rows,
    }
    head = f"{report['model']} · {report['device']} · {report['dtype']} · torch {report['torch']}"
    head += f" · {report['steps']} steps · {report['repeats']} repeats"
    print(json.dumps(report) if options.json else pairs.table(head, rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=("picturebook", "sd15"), default="picturebook")
    parser.add_argument("--steps", type=int, help="default: 20, or 3 for sd15 on a CPU")
    parser.add_argument("--repeats", type=int, help="default: 9, or 3 for sd15 on a CPU")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--warmup", type=int, default=1, help="runs before the counted ones")
    parser.add_argument("--row", choices=ROWS, help="only this one")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    slow = options.model == "sd15" and devices.choose_device(options.device).type == "cpu"
    options.steps = options.steps or (3 if slow else 20)
    options.repeats = options.repeats or (3 if slow else 9)
    return options


def _pairs(
    selection: Selection, manager: ModelManager, steps: int
) -> dict[str, tuple[Callable[[], None], Callable[[], None]]]:
    """Row -> what is compared: ours and the baseline."""
    request = _request(selection, steps)
    ours = _ours(manager, selection, request)
    pairs = {
        "engine": (ours, _diffusers(manager, selection, request)),
        "previews": (_ours(manager, selection, request, lambda: True), ours),
    }
    if manager.dtype != torch.float32:
        float32 = ModelManager(str(manager.device), "float32")
        pairs["dtype"] = (ours, _ours(float32, selection, request))
    return pairs


def _diffusers(
    manager: ModelManager, selection: Selection, request: GenerationRequest
) -> Callable[[], None]:
    def draw() -> None:
        with manager.lease(selection) as held:
            pipeline = StableDiffusionPipeline(
                vae=held.vae,
                text_encoder=held.text_encoders[0],
                tokenizer=held.tokenizers[0],
                unet=held.unet,
                scheduler=schedulers.build(request.scheduler, "automatic", "epsilon", [0]),
                safety_checker=None,
                feature_extractor=None,
                requires_safety_checker=False,
            )
            pipeline.set_progress_bar_config(disable=True)
            pipeline(
                prompt=request.prompt,
                negative_prompt=request.negative_prompt,
                num_inference_steps=request.steps,
                guidance_scale=request.guidance_scale,
                width=request.width,
                height=request.height,
                generator=latents.generators([request.seed]),
            )

    return draw


def _ours(
    manager: ModelManager,
    selection: Selection,
    request: GenerationRequest,
    wants_preview: WantsPreview = never,
) -> Callable[[], None]:
    engine = StableDiffusionEngine(manager, lambda request: selection)

    def draw() -> None:
        run = engine.open(request, wants_preview)
        while not run.done:
            happened = engine.advance([run])
        assert isinstance(happened[-1][1], Finished), happened

    return draw


def _request(selection: Selection, steps: int) -> GenerationRequest:
    return GenerationRequest(
        prompt=PROMPT, negative_prompt="rain", steps=steps, guidance_scale=7.0, seed=1
    ).settled(selection.checkpoint.name, selection.checkpoint.family)


def _checkpoint(model: str, folder: Path) -> ModelRef:
    if model == "picturebook":
        return models.embedded()
    models.write_sd15(folder / "sd15-random")
    return Catalog([folder]).find("sd15-random")


if __name__ == "__main__":
    main()

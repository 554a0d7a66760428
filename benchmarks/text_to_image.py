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
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from studio.diffusion import latents, schedulers
from studio.domain.events import Finished
from studio.domain.refs import ModelRef, Selection
from studio.domain.request import GenerationRequest
from studio.engine.protocol import WantsPreview, never
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.models import device as devices
from studio.models.catalog import Catalog
from studio.models.manager import ModelManager
from studio.settings import assets_dir

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
                rows.append({"name": ROWS[name], **_compare(ours, baseline, options)})
    report = {
        "model": options.model,
        "device": devices.describe(manager.device),
        "dtype": str(manager.dtype).removeprefix("torch."),
        "torch": torch.__version__,
        "steps": options.steps,
        "repeats": options.repeats,
        "rows": rows,
    }
    print(json.dumps(report) if options.json else _table(report))


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
        with manager.lease(selection) as models:
            pipeline = StableDiffusionPipeline(
                vae=models.vae,
                text_encoder=models.text_encoders[0],
                tokenizer=models.tokenizers[0],
                unet=models.unet,
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


def _compare(
    ours: Callable[[], None], baseline: Callable[[], None], options: argparse.Namespace
) -> dict:
    """Both to warm up, then in turn, the first place changing hands."""
    pair = (ours, baseline)
    for draw in pair * options.warmup:
        draw()
    times: tuple[list[float], list[float]] = ([], [])
    for repeat in range(options.repeats):
        for which in (0, 1) if repeat % 2 else (1, 0):
            started_s = time.perf_counter()
            pair[which]()
            times[which].append(time.perf_counter() - started_s)
    ratios = [one / other for one, other in zip(*times, strict=True)]
    return {
        "ratio": round(statistics.median(ratios), 3),
        "ratio_min": round(min(ratios), 3),
        "ratio_max": round(max(ratios), 3),
        "ours_s": round(statistics.median(times[0]), 3),
        "baseline_s": round(statistics.median(times[1]), 3),
    }


def _checkpoint(model: str, folder: Path) -> ModelRef:
    embedded = Catalog([assets_dir() / "models"]).find("picturebook")
    if model == "picturebook":
        return embedded
    _write_sd15(folder / "sd15-random", embedded.path)
    return Catalog([folder]).find("sd15-random")


def _write_sd15(target: Path, embedded: Path) -> None:
    """Random weights of SD 1.5's size; tokenizer and scheduler are the embedded model's."""
    for part in ("tokenizer", "scheduler", "model_index.json"):
        copy = shutil.copytree if (embedded / part).is_dir() else shutil.copy
        target.mkdir(parents=True, exist_ok=True)
        copy(embedded / part, target / part)
    unet = {"sample_size": 64, "cross_attention_dim": 768, "attention_head_dim": 8}
    vae = {
        "block_out_channels": (128, 256, 512, 512),
        "layers_per_block": 2,
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
    }
    text = CLIPTextConfig(
        hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12
    )
    parts = {
        "unet": lambda: UNet2DConditionModel(**unet),
        "vae": lambda: AutoencoderKL(**vae),
        "text_encoder": lambda: CLIPTextModel(text),
    }
    for part, build in parts.items():
        with torch.device("meta"):
            module = build()
        module = module.to_empty(device="cpu").to(torch.bfloat16)
        for parameter in module.parameters():
            parameter.data.normal_(std=0.02)
        for name, buffer in module.named_buffers():
            if name.endswith("position_ids"):
                buffer.copy_(torch.arange(buffer.shape[-1]).expand_as(buffer))
        module.save_pretrained(target / part)


def _table(report: dict) -> str:
    head = f"{report['model']} · {report['device']} · {report['dtype']} · torch {report['torch']}"
    lines = [f"{head} · {report['steps']} steps · {report['repeats']} repeats", ""]
    lines.append(f"{'':32} {'ratio':>6} {'min':>6} {'max':>6} {'ours s':>8} {'baseline s':>11}")
    for row in report["rows"]:
        lines.append(
            f"{row['name']:32} {row['ratio']:6.3f} {row['ratio_min']:6.3f} "
            f"{row['ratio_max']:6.3f} {row['ours_s']:8.3f} {row['baseline_s']:11.3f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()

"""Seconds a U-Net call: as the studio runs it, beside stock diffusers, with random weights.

    python benchmarks/unet.py [--model sd15|sdxl] [--dtype auto] [--repeats 3]

One call is one step under guidance: two rows, at 512 × 512 (SD 1.5) or 1024 × 1024 (SDXL). Stock
diffusers is timed in bfloat16 and in float32, which is what a CPU gets elsewhere by default.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

import torch
from common import pairs
from diffusers import UNet2DConditionModel

from studio.diffusion.rows import Rows
from studio.families.stable_diffusion.backbone import UNetPredictor
from studio.residence import device as devices

CONFIGS = {
    "sd15": {"sample_size": 64, "cross_attention_dim": 768, "attention_head_dim": 8},
    "sdxl": {
        "sample_size": 128,
        "cross_attention_dim": 2048,
        "block_out_channels": (320, 640, 1280),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "transformer_layers_per_block": (1, 2, 10),
        "attention_head_dim": (5, 10, 20),
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
    },
}
BASELINES = {"bfloat16": torch.bfloat16, "float32": torch.float32}


def main() -> None:
    options = _options()
    device = devices.choose_device(options.device)
    dtype = devices.choose_dtype(options.dtype, device)
    rows = []
    for name, baseline in BASELINES.items():
        with torch.inference_mode():
            ours = _ours(_random_unet(options.model, dtype, device))
            theirs = _stock(_random_unet(options.model, baseline, device), baseline)
            times = pairs.compare(
                _timed(ours, device), _timed(theirs, device), options.repeats, options.warmup
            )
        rows.append({"name": f"studio ({_name(dtype)}) / stock diffusers ({name})", **times})
    report = {
        "model": options.model,
        "device": devices.describe(device),
        "torch": torch.__version__,
        "repeats": options.repeats,
        "rows": rows,
    }
    head = f"{options.model} · {report['device']} · torch {torch.__version__}"
    print(json.dumps(report) if options.json else pairs.table(head, rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=CONFIGS, default="sd15")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--warmup", type=int, default=1)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _random_unet(model: str, dtype: torch.dtype, device: torch.device) -> UNet2DConditionModel:
    with torch.device("meta"):
        unet = UNet2DConditionModel(**CONFIGS[model])
    unet = unet.to(dtype).to_empty(device=device).requires_grad_(False).eval()
    for parameter in unet.parameters():
        parameter.data.normal_(std=0.02)
    return unet


def _inputs(unet: UNet2DConditionModel, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    config, device = unet.config, unet.device
    generator = torch.Generator("cpu").manual_seed(0)

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator).to(device, dtype)

    inputs = {
        "sample": noise(2, 4, config.sample_size, config.sample_size),
        "prompt_embeds": noise(2, 77, config.cross_attention_dim),
    }
    if config.addition_embed_type:
        size = config.sample_size * 8.0
        time_ids = torch.tensor([size, size, 0, 0, size, size], device=device)
        inputs |= {"pooled": noise(2, 1280), "time_ids": time_ids.to(dtype).expand(2, -1)}
    return inputs


def _stock(unet: UNet2DConditionModel, dtype: torch.dtype) -> Callable[[], object]:
    given = _inputs(unet, dtype)
    added = {"text_embeds": given.get("pooled"), "time_ids": given.get("time_ids")}
    timestep = torch.full((2,), 500.0, device=unet.device)
    return lambda: unet(
        given["sample"],
        timestep,
        encoder_hidden_states=given["prompt_embeds"],
        added_cond_kwargs=added if unet.config.addition_embed_type else None,
        return_dict=False,
    )


def _ours(unet: UNet2DConditionModel) -> Callable[[], object]:
    """The weights as the studio lays them out, behind its own predictor."""
    unet.to(memory_format=torch.channels_last)
    given = _inputs(unet, torch.float32)
    rows = Rows(
        given["sample"],
        torch.full((2,), 500.0, device=unet.device),
        given["prompt_embeds"],
        given.get("pooled"),
        given.get("time_ids"),
    )
    predict = UNetPredictor(unet)
    return lambda: predict(rows)


def _timed(work: Callable[[], object], device: torch.device) -> pairs.Timed:
    def whole() -> None:
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return lambda: pairs.seconds(whole)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


if __name__ == "__main__":
    main()

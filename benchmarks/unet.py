"""Seconds a U-Net call: as the studio runs it, beside stock diffusers, with random weights.

    python benchmarks/unet.py [--model sd15|sdxl] [--dtype auto] [--repeats 3]

One call is one step under guidance: two rows, at 512 × 512 (SD 1.5) or 1024 × 1024 (SDXL). Stock
diffusers is timed in bfloat16 and in float32, which is what a CPU gets elsewhere by default.
"""

from __future__ import annotations

import argparse
import json

import torch
from common import pairs, unets

from studio.residence import device as devices

BASELINES = {"bfloat16": torch.bfloat16, "float32": torch.float32}


def main() -> None:
    options = _options()
    device = devices.choose_device(options.device)
    dtype = devices.choose_dtype(options.dtype, device)
    rows = []
    for name, baseline in BASELINES.items():
        with torch.inference_mode():
            unet = unets.built(options.model, dtype, device).to(memory_format=torch.channels_last)
            theirs = unets.built(options.model, baseline, device)
            times = pairs.compare(
                unets.timed(unets.ours(unet), device),
                unets.timed(unets.stock(theirs), device),
                options.repeats,
                options.warmup,
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
    parser.add_argument("--model", choices=unets.CONFIGS, default="sd15")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--warmup", type=int, default=1)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


if __name__ == "__main__":
    main()

"""What it costs that a run can be stopped within a step, and how soon it stops.

    python benchmarks/interruption.py [--side 128 512] [--stop 2048]

A row each: a U-Net call under guidance (one step) of picturebook that is watched, beside the same
call of a module without watch, in seconds of the processor, so that other programs count for
little. With --stop a picture of that side is begun and cancelled in the middle of its second step.
"""

from __future__ import annotations

import argparse
import copy
import json
import threading
import time
from collections.abc import Callable

import torch
from common import models, pairs

from studio.diffusion.interruption import interrupted_when
from studio.diffusion.rows import Rows
from studio.domain.refs import Selection
from studio.domain.request import GenerationRequest
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.families.stable_diffusion.backbone import UNetPredictor
from studio.residence.manager import ModelManager


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, nargs="*", default=[128, 512], help="in pixels")
    parser.add_argument("--repeats", type=int, default=31)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--stop", type=int, help="side in pixels of a picture that is stopped")
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    manager = ModelManager("cpu", flags.dtype)
    selection = Selection(models.embedded())
    rows = []
    with torch.inference_mode(), manager.lease(selection) as held:
        bare = copy.deepcopy(held.backbone)
        for side in flags.side:
            ours, baseline = _watched(held.backbone, side), _bare(bare, side)
            times = pairs.compare(_counted(ours), _counted(baseline), flags.repeats)
            rows.append({"name": f"watched / bare, {side} × {side}", **times})
    result = {"torch": torch.__version__, "threads": torch.get_num_threads(), "rows": rows}
    if flags.stop:
        result["stop"] = _stopped(StableDiffusionEngine(manager, lambda _: selection), flags.stop)
    if flags.json:
        print(json.dumps(result))
        return
    if rows:
        print(pairs.table(f"picturebook · cpu · {flags.dtype} · torch {torch.__version__}", rows))
    for name, value in result.get("stop", {}).items():
        print(f"{name} {value}")


def _rows(unet: torch.nn.Module, side: int) -> Rows:
    generator = torch.Generator().manual_seed(0)
    sample = torch.randn(2, 4, side // 8, side // 8, generator=generator)
    text = torch.randn(2, 77, unet.config.cross_attention_dim, generator=generator)
    return Rows(sample, torch.full((2,), 500.0), text)


def _watched(unet: torch.nn.Module, side: int) -> Callable[[], object]:
    predict, rows = UNetPredictor(unet), _rows(unet, side)

    def call() -> object:
        with interrupted_when(lambda: False):
            return predict(rows)

    return call


def _bare(unet: torch.nn.Module, side: int) -> Callable[[], object]:
    rows, dtype = _rows(unet, side), unet.dtype

    def call() -> object:
        text = rows.prompt_embeds.to(dtype)
        sample, timestep = rows.sample.to(dtype), rows.timestep
        return unet(sample, timestep, encoder_hidden_states=text, return_dict=False)[0].float()

    return call


def _counted(work: Callable[[], object]) -> pairs.Timed:
    def seconds() -> float:
        start_s = time.process_time()
        work()
        return time.process_time() - start_s

    return seconds


def _stopped(engine: StableDiffusionEngine, side: int) -> dict[str, float | str]:
    """Seconds of the first step, and from a cancel in the middle of the second to the end."""
    ref = models.embedded()
    fields = {"prompt": "a red house", "width": side, "height": side, "steps": 4, "seed": 1}
    run = engine.open(GenerationRequest(**fields).settled(ref.name, ref.facts.family))
    marks: list[float] = []

    def cancel() -> None:
        marks.append(time.monotonic())
        run.cancel()

    step_s = 0.0
    while not run.done:
        start_s = time.monotonic()
        for _, event in engine.advance([run]):
            name = type(event).__name__
        if name == "Progress" and not step_s:
            step_s = time.monotonic() - start_s
            timer = threading.Timer(step_s / 2, cancel)
            timer.start()
    return {
        "step_s": round(step_s, 2),
        "from_cancel_to_end_s": round(time.monotonic() - marks[0], 2),
        "ended_as": name,
    }


if __name__ == "__main__":
    main()

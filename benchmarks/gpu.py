"""All that is worth knowing of a GPU, in one run of less than four minutes: how fast U-Nets are
called, each way beside stock diffusers, swaps, previews, memory modes, what 8 bits cost, and what
is left to the processor.

    studio bench gpu [--row calls] [--row swap] [--repeats 5]
    studio bench gpu --device cpu --tiny     every row that a CPU can do, with picturebook

Weights are random, of the sizes of Stable Diffusion 1.5 and SDXL. A row that is not begun when the
time is over is left out, and said to be.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import swap
import text_to_image
import torch
from common import drawing, pairs, unets
from PIL import Image
from torch.nn import Module
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from studio.diffusion.compiled import FIRST, Compiled, what_is_missing
from studio.diffusion.execution import Eager, Execution
from studio.diffusion.graphs import CudaRecorder, Graphs
from studio.domain.errors import InvalidRequest, is_out_of_memory
from studio.domain.events import Finished
from studio.domain.refs import Selection
from studio.domain.request import GenerationRequest
from studio.engine.protocol import ended
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.learning.bench import psnr_db
from studio.residence import device as devices
from studio.residence import memory
from studio.residence.manager import ModelManager
from studio.residence.slot import Slot, own_for

Rows = list[dict]
Call = Callable[[], object]
Ways = Callable[[Module, Module, int], dict[str, Call]]
"""Of a U-Net as diffusers has it, the same as the studio has it, and a number of pictures: the ways
to call it."""

BACKENDS = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "cuDNN": SDPBackend.CUDNN_ATTENTION,
    "memory efficient": SDPBackend.EFFICIENT_ATTENTION,
    "math": SDPBackend.MATH,
}
MODES = ("device", "offload", "partial", "sequential")
ROOMS = {"in 6 GB": 4 * memory.GIB, "in 3 GB": 0}
"""What of the device weights may take that come while others compute, beside what a run needs."""


@dataclass
class Bench:
    """What rows measure with. `skipped`: what of them could not be, and why."""

    device: torch.device
    flags: argparse.Namespace
    folder: Path
    skipped: list[str]

    @property
    def is_gpu(self) -> bool:
        return self.device.type == "cuda"

    @cached_property
    def dtype(self) -> torch.dtype:
        return devices.choose_dtype("auto", self.device)

    @property
    def models(self) -> tuple[str, ...]:
        return ("picturebook",) if self.flags.tiny else ("sd15", "sdxl")

    @property
    def pictures(self) -> tuple[int, ...]:
        return (1,) if self.flags.tiny else (1, 8)

    @cached_property
    def selections(self) -> tuple[Selection, ...]:
        """picturebook, and weights of Stable Diffusion 1.5's size: 2 GB on disk meanwhile."""
        names = ("picturebook",) if self.flags.tiny else ("picturebook", "sd15")
        return tuple(Selection(drawing.checkpoint(name, self.folder)) for name in names)

    @property
    def steps(self) -> int:
        return 2 if self.flags.tiny else 20

    def side(self, selection: Selection) -> int:
        """Of its pictures, px."""
        return 64 if self.flags.tiny else min(selection.checkpoint.family.native_size)

    def request(self, selection: Selection) -> GenerationRequest:
        ref, side = selection.checkpoint, self.side(selection)
        fields = {"prompt": text_to_image.PROMPT, "seed": 1, "width": side, "height": side}
        return GenerationRequest(steps=self.steps, **fields).settled(ref.name, ref.family)

    @cached_property
    def card_flops(self) -> float:
        """Operations a second when it multiplies large matrices, in the dtype that it draws in."""
        side = 8192 if self.is_gpu else 512
        matrix = torch.randn(side, side, device=self.device, dtype=self.dtype)
        work = unets.timed(lambda: matrix @ matrix, self.device, 5)
        return 2 * side**3 / pairs.medians({"": work}, 3)[""]

    def skip(self, what: str, why: object) -> None:
        self.skipped.append(f"{what}: {why}")


def calls(bench: Bench) -> Rows:
    """A U-Net's call, as it is: layouts, cuDNN's search for the best kernels, CUDA graphs."""

    def ways(plain: Module, unet: Module, pictures: int) -> dict[str, Call]:
        found = {
            "as it is": unets.ours(unet, pictures),
            "as it is, channels first": unets.ours(plain, pictures),
        }
        if bench.is_gpu:
            found["as it is, cuDNN chooses by trying"] = _with_search(found["as it is"])
            found |= _quick(bench, "CUDA graph", unet, pictures, Graphs(CudaRecorder(bench.device)))
        else:
            bench.skip("CUDA graph", "needs a GPU of NVIDIA's")
        return found

    return _beside_stock(bench, ways)


def compiled(bench: Bench) -> Rows:
    """The same with blocks, and then whole calls compiled, and recorded as a CUDA graph too."""
    missing = what_is_missing(bench.device)
    if missing:
        bench.skip("compiled", missing)
        return []

    def ways(_: Module, unet: Module, pictures: int) -> dict[str, Call]:
        blocks = Compiled()
        found = _quick(bench, "compiled", unet, pictures, blocks, blocks)
        if found and bench.is_gpu:
            both = Graphs(CudaRecorder(bench.device), blocks)
            found |= _quick(bench, "compiled, CUDA graph", unet, pictures, both, blocks)
        wholes = Compiled(wholes=True)
        found |= _quick(bench, "compiled as a whole", unet, pictures, wholes, wholes)
        if "compiled as a whole" in found and bench.is_gpu:
            both = Graphs(CudaRecorder(bench.device), wholes)
            found |= _quick(bench, "as a whole, CUDA graph", unet, pictures, both, wholes)
        return found

    return _beside_stock(bench, ways)


def _quick(
    bench: Bench,
    name: str,
    unet: Module,
    pictures: int,
    execution: Execution,
    compiled: Compiled | None = None,
) -> dict[str, Call]:
    """The call by `execution` once it is ready; none where it does not get ready."""
    seen = unets.Seen(execution)
    call = unets.ours(unet, pictures, seen)
    for _ in range(3 * FIRST):
        call()
        if compiled:
            compiled.wait()
    if seen.was_quick:
        return {name: call}
    bench.skip(name, "it did not get ready; the log says why")
    return {}


def _with_search(call: Call) -> Call:
    def work() -> None:
        before = torch.backends.cudnn.benchmark
        torch.backends.cudnn.benchmark = True
        try:
            call()
        finally:
            torch.backends.cudnn.benchmark = before

    return work


def _beside_stock(bench: Bench, ways: Ways) -> Rows:
    """What `ways` gives of each model and number of pictures, and diffusers' own call."""
    rows = []
    for model in bench.models:
        for pictures in bench.pictures:
            try:
                rows += _of_model(bench, model, pictures, ways)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                bench.skip(f"{model}, {pictures} at once", "out of memory")
            if bench.is_gpu:
                torch.cuda.empty_cache()
    return rows


def _of_model(bench: Bench, model: str, pictures: int, ways: Ways) -> Rows:
    plain = unets.built(model, bench.dtype, bench.device)
    stock = unets.stock(plain, pictures)
    unet = unets.built(model, bench.dtype, bench.device).to(memory_format=torch.channels_last)
    with FlopCounterMode(display=False) as counter:
        stock()
    works = {"diffusers": stock, **ways(plain, unet, pictures)}
    times = 1 if bench.flags.tiny else max(1, 8 // pictures)
    timed = {name: unets.timed(work, bench.device, times) for name, work in works.items()}
    seconds = pairs.medians(timed, bench.flags.repeats, 1 if bench.flags.tiny else 2)
    flops = counter.get_total_flops()
    return [
        {
            "name": f"{model}, {pictures} at once: {name}",
            "ms": round(one * 1000, 2),
            "calls/s": round(1 / one, 1),
            "of diffusers' time": round(one / seconds["diffusers"], 3),
            "TFLOP/s": round(flops / one / 1e12, 2),
            "of matrices' rate": round(flops / one / bench.card_flops, 3),
        }
        for name, one in seconds.items()
    ]


def attention(bench: Bench) -> Rows:
    """A U-Net's call with each of PyTorch's kernels for attention, and with its own choice."""
    rows = []
    for model in bench.models:
        unet = unets.built(model, bench.dtype, bench.device).to(memory_format=torch.channels_last)
        call = unets.ours(unet)
        works = {"PyTorch's choice": call}
        for name, backend in BACKENDS.items():
            try:
                with sdpa_kernel(backend):
                    call()
            except RuntimeError as error:
                reason = "out of memory" if is_out_of_memory(error) else "not for this device"
                bench.skip(f"attention, {model}: {name}", reason)
                continue
            works[name] = partial(_by, backend, call)
        timed = {name: unets.timed(work, bench.device) for name, work in works.items()}
        seconds = pairs.medians(timed, bench.flags.repeats)
        rows += [
            {
                "name": f"{model}: {name}",
                "ms": round(one * 1000, 2),
                "of PyTorch's choice": round(one / seconds["PyTorch's choice"], 3),
            }
            for name, one in seconds.items()
        ]
    return rows


def _by(backend: SDPBackend, call: Call) -> None:
    with sdpa_kernel(backend):
        call()


def engine(bench: Bench) -> Rows:
    """Pictures: the engine beside diffusers' pipeline; previews at every step beside none."""
    manager, rows = ModelManager(str(bench.device)), []
    ways: dict[str, Execution] = {"": Eager()}
    if bench.is_gpu:
        ways["with CUDA graphs"] = Graphs(CudaRecorder(bench.device))
    for selection in bench.selections:
        flags = argparse.Namespace(steps=bench.steps, side=bench.side(selection))
        for way, execution in ways.items():
            compared = text_to_image.compared(selection, manager, flags, execution)
            for row in ("engine", "previews"):
                one, other = (partial(pairs.seconds, work) for work in compared[row])
                times = pairs.compare(one, other, bench.flags.repeats, 0 if bench.flags.tiny else 1)
                what = f"{selection.checkpoint.name}: {text_to_image.ROWS[row]} {way}"
                rows.append({"name": what.strip(), **times})
    return rows


def swaps(bench: Bench) -> Rows:
    """A checkpoint that was used before takes the place of another one."""
    flags = argparse.Namespace(
        model="picturebook" if bench.flags.tiny else "sd15",
        row="warm",
        device=str(bench.device),
        repeats=bench.flags.repeats,
    )
    with tempfile.TemporaryDirectory() as folder:
        return swap.measure(Path(folder), flags)


def offload(bench: Bench) -> Rows:
    """Memory modes: seconds, the most memory on the device, and whether pictures are the same."""
    if not bench.is_gpu:
        bench.skip("offload", "a CPU's memory is the device's")
        return []
    rows, first, selection = [], None, bench.selections[-1]
    for mode in MODES:
        manager = ModelManager(str(bench.device), mode=mode)
        _picture(bench, manager, selection)
        torch.cuda.reset_peak_memory_stats(bench.device)
        started_s = time.perf_counter()
        picture = _picture(bench, manager, selection)
        seconds = time.perf_counter() - started_s
        first = first or (picture, seconds)
        rows.append(
            {
                "name": f"{selection.checkpoint.name}: {mode}",
                "s": round(seconds, 2),
                "of the first": round(seconds / first[1], 2),
                "GiB at most": round(torch.cuda.max_memory_allocated(bench.device) / 2**30, 2),
                "apart, of 255": _apart(picture, first[0]),
            }
        )
        manager.release()
    return rows


def streamed(bench: Bench) -> Rows:
    """A U-Net's call whose weights come while it computes, beside one whose weights are there."""
    rows = []
    for model in bench.models:
        plain = unets.built(model, bench.dtype, bench.device)
        own, config = own_for(bench.device), dict(plain.config)
        weights = {name: own(each, bench.dtype) for name, each in plain.state_dict().items()}
        seconds = {}
        for name, room in {"all there": sys.maxsize, **ROOMS}.items():
            slot = Slot("unet", config, bench.device, room=lambda room=room: room)
            slot.fill(weights)
            slot.bring()
            call = unets.ours(slot.module)
            for _ in range(3):  # which block follows which is seen
                call()
            works = {name: unets.timed(call, bench.device, 1 if bench.flags.tiny else 5)}
            seconds |= pairs.medians(works, bench.flags.repeats)
            rows.append(
                {
                    "name": f"{model}: {name}",
                    "ms": round(seconds[name] * 1000, 2),
                    "of all there": round(seconds[name] / seconds["all there"], 3),
                    "GiB of weights": round(slot.size_bytes / memory.GIB, 2),
                }
            )
            slot.send_away()
    return rows


def processor(bench: Bench) -> Rows:
    """A picture of picturebook's while every core of the processor is busy, and while none is."""
    manager, selection = ModelManager(str(bench.device)), bench.selections[0]
    ways: dict[str, Execution] = {"as it is": Eager()}
    if bench.is_gpu:
        ways["CUDA graphs"] = Graphs(CudaRecorder(bench.device))
    rows = []
    for way, execution in ways.items():
        engine = StableDiffusionEngine(manager, lambda request: selection, execution=execution)
        draw = partial(ended, engine, bench.request(selection))
        draw()
        used_s = time.thread_time()
        quiet_s = pairs.seconds(draw)
        used_s = time.thread_time() - used_s
        rows.append(
            {
                "name": f"picturebook, {bench.steps} steps, {way}",
                "s": round(quiet_s, 3),
                "s, all cores busy": round(_seconds_while_busy(draw), 3),
                "ms of the processor a step": round(1000 * used_s / bench.steps, 2),
            }
        )
    return rows


def _seconds_while_busy(draw: Call) -> float:
    work = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(work) for _ in range(os.cpu_count() or 1)]
    try:
        time.sleep(0.5)  # until they are at work
        return pairs.seconds(draw)
    finally:
        for other in others:
            other.kill()
            other.wait()


def fp8(bench: Bench) -> Rows:
    """What a U-Net kept in eight bits changes of a picture."""
    rows = []
    for selection in bench.selections:
        pictures = []
        for mode in ("device", "fp8"):
            manager = ModelManager(str(bench.device), mode=mode)
            pictures.append(_picture(bench, manager, selection))
            manager.release()
        rows.append(
            {
                "name": f"{selection.checkpoint.name}, {bench.steps} steps: fp8 beside full",
                "PSNR, dB": round(psnr_db(*pictures), 1),
                "apart, of 255": _apart(*pictures),
            }
        )
    return rows


def _picture(bench: Bench, manager: ModelManager, selection: Selection) -> Image.Image:
    engine = StableDiffusionEngine(manager, lambda request: selection)
    last = ended(engine, bench.request(selection))
    assert isinstance(last, Finished), last
    return last.pictures[0].image


def _apart(one: Image.Image, other: Image.Image) -> int:
    """The largest difference of two pictures at a pixel."""
    return int(np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16)).max())


ROWS = {
    "calls": calls,
    "attention": attention,
    "engine": engine,
    "swap": swaps,
    "offload": offload,
    "streamed": streamed,
    "processor": processor,
    "fp8": fp8,
    "compiled": compiled,
}


def main() -> None:
    flags = _options()
    device = _device(flags)
    head = f"{devices.describe(device)} · torch {torch.__version__}"
    begun_s, tables = time.monotonic(), {}
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        bench = Bench(device, flags, Path(folder), [])
        for name in flags.row or ROWS:
            if time.monotonic() - begun_s > flags.limit:
                bench.skip(name, f"{flags.limit:.0f} s are over; --row {name} measures it alone")
                continue
            tables[name] = ROWS[name](bench)
            if tables[name] and not flags.json:
                print(_table(name, tables[name]), flush=True)
    if flags.json:
        print(json.dumps({"device": head, "rows": tables, "left_out": bench.skipped}))
        return
    print(f"\n{head}, {bench.dtype}".replace("torch.", ""))
    for why in bench.skipped:
        print(f"left out: {why}")


def _table(name: str, rows: Rows) -> str:
    head = f"\n{name}: {ROWS[name].__doc__.splitlines()[0]}"
    return pairs.table(head, rows) if "ratio" in rows[0] else f"{head}\n\n{pairs.columns(rows)}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--row", choices=ROWS, action="append", help="only this one; repeatable")
    parser.add_argument("--device", default="cuda")
    parser.add_argument(
        "--tiny", action="store_true", help="picturebook, very small and few times; on a CPU too"
    )
    parser.add_argument("--repeats", type=int, help="default: 5, or 1 with --tiny")
    parser.add_argument(
        "--limit", type=float, default=210, help="seconds after which no row is begun"
    )
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    flags.repeats = flags.repeats or (1 if flags.tiny else 5)
    return flags


def _device(flags: argparse.Namespace) -> torch.device:
    try:
        device = devices.choose_device(flags.device)
    except InvalidRequest:
        device = None
    if device is None or (device.type != "cuda" and not flags.tiny):
        there = "this machine has none" if device is None else f"{device} is none"
        sys.exit(
            f"studio bench gpu needs a GPU with CUDA, and {there}. To try it out without one: "
            "studio bench gpu --device cpu --tiny"
        )
    return device


if __name__ == "__main__":
    main()

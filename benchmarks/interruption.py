"""What it costs that a run can be stopped within a step, and how soon it stops.

    python benchmarks/interruption.py [--side 128 512] [--stop 2048]

Three rows for each side, of a U-Net call under guidance (one step) of picturebook. The first: the
call watched and not, of the same module in turn, in seconds of the thread: the median of the
ratios, and between which it lies with 95 % certainty. The second: the same of two calls that are
not watched, which tells how sound the first is. The third, which noise does not reach: how many
checks there are in a step, what one takes, and which share of the step that is. With --stop a
picture of that side is begun and cancelled in the middle of its second step.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import statistics
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from common import models
from torch import nn
from torch.overrides import TorchFunctionMode

from studio.diffusion.interruption import LARGE, interrupted_when, interruptible
from studio.domain.refs import Selection
from studio.domain.request import GenerationRequest
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.residence.manager import ModelManager

CHECKS = 20_000
"""So often a check is repeated to time it."""

Given = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Latents of two rows, their timesteps and prompts."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, nargs="*", default=[128, 512], help="in pixels")
    parser.add_argument("--repeats", type=int, default=101, help="rounds at 128 pixels; "
                        "fewer for larger ones, in proportion, at least 11")  # fmt: skip
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--stop", type=int, help="side in pixels of a picture that is stopped")
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    threads = torch.get_num_threads()
    manager = ModelManager("cpu", flags.dtype)
    selection = Selection(models.embedded())
    rows = []
    torch.set_num_threads(1)  # or threads that wait for each other are counted as work
    with torch.inference_mode(), manager.lease(selection) as held:
        for side in flags.side:
            repeats = max(11, flags.repeats * 128 * 128 // (side * side))
            rows += _rows(held.backbone, side, repeats)
    torch.set_num_threads(threads)
    result = {"torch": torch.__version__, "rows": rows}
    if flags.stop:
        result["stop"] = _stopped(StableDiffusionEngine(manager, lambda _: selection), flags.stop)
    if flags.json:
        print(json.dumps(result))
        return
    print(f"picturebook · cpu, 1 thread · {flags.dtype} · torch {torch.__version__}")
    for row in rows:
        print("  ".join(f"{name} {value}" for name, value in row.items()))
    for name, value in result.get("stop", {}).items():
        print(f"{name} {value}")


def _rows(unet: nn.Module, side: int, repeats: int) -> list[dict[str, Any]]:
    given = _input(unet, side)
    rounds = [_round(unet, given, number) for number in range(-1, repeats)][1:]
    step_s = statistics.median(each["bare"] for each in rounds)
    return [
        {"side": side, **_ratio(rounds, "watched"), "step_s": round(step_s, 4)},
        {"side": side, **_ratio(rounds, "bare again")},
        {"side": side, **_checks(unet, given, step_s)},
    ]


def _ratio(rounds: list[dict[str, float]], which: str) -> dict[str, Any]:
    """The median lies between these two of them, by the binomial distribution."""
    ratios = sorted(each[which] / each["bare"] for each in rounds)
    middle, off = len(ratios) // 2, math.ceil(0.98 * math.sqrt(len(ratios)))
    return {
        f"{which} / bare": round(statistics.median(ratios), 4),
        "from": round(ratios[max(middle - off, 0)], 4),
        "to": round(ratios[min(middle + off, len(ratios) - 1)], 4),
        "rounds": len(ratios),
    }


def _round(unet: nn.Module, given: Given, number: int) -> dict[str, float]:
    """Seconds of a call that is watched, and of two that are not, in every order by turns. What
    comes before each is the same: it is what the processor's caches hold then."""

    def watched() -> None:
        with interrupted_when(lambda: False), interruptible(unet, given[0]):
            unet(*given)

    def bare() -> None:
        unet(*given)

    works = {"watched": watched, "bare": bare, "bare again": bare}
    orders = list(itertools.permutations(works))
    times = {}
    for name in orders[number % len(orders)]:
        with _hooks(unet, are_on=name == "watched"):
            times[name] = _seconds(works[name])
    return times


@contextmanager
def _hooks(unet: nn.Module, are_on: bool) -> Iterator[None]:
    """Whether its blocks are looked in on."""
    hooked = [(block, block._forward_pre_hooks) for block in unet.modules()]
    hooked = [(block, hooks) for block, hooks in hooked if hooks]
    for block, hooks in hooked:
        block._forward_pre_hooks = hooks if are_on else OrderedDict()
    try:
        yield
    finally:
        for block, hooks in hooked:
            block._forward_pre_hooks = hooks


def _checks(unet: nn.Module, given: Given, step_s: float) -> dict[str, Any]:
    """How many times a step is looked in on, at blocks and at operations; microseconds of each."""
    hook = next(h for block in unet.modules() for h in block._forward_pre_hooks.values())
    between = _Counting()
    looks = []
    with interrupted_when(lambda: bool(looks.append(1))), between:
        unet(*given)  # not within `interruptible`: its blocks are looked in on all the same
    plain, hooked, number = nn.Identity(), nn.Identity(), torch.zeros(1)
    hooked.register_forward_pre_hook(hook)
    block_s = _each(lambda: hooked(number)) - _each(lambda: plain(number))
    found: dict[str, Any] = {"blocks": len(looks), "us_each": round(block_s * 1e6, 2)}
    total_s = len(looks) * block_s
    if math.prod(given[0].shape[2:]) >= LARGE:
        before = _each(number.dim)
        with interrupted_when(lambda: False), interruptible(unet, given[0]):
            operation_s = _each(number.dim) - before
        found |= {"operations": between.calls, "us_of_one": round(operation_s * 1e6, 2)}
        total_s += between.calls * operation_s
    return found | {"share_of_step": f"{total_s / step_s:.3%}"}


class _Counting(TorchFunctionMode):
    """Counts what a mode sees."""

    calls = 0

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.calls += 1
        return func(*args, **(kwargs or {}))


def _each(work: Callable[[], object]) -> float:
    """Seconds of one of many, the best of five series."""

    def series() -> None:
        for _ in range(CHECKS):
            work()

    with interrupted_when(lambda: False):
        return min(_seconds(series) for _ in range(5)) / CHECKS


def _seconds(work: Callable[[], object]) -> float:
    start_s = time.thread_time()
    work()
    return time.thread_time() - start_s


def _input(unet: nn.Module, side: int) -> Given:
    generator = torch.Generator().manual_seed(0)
    sample = torch.randn(2, 4, side // 8, side // 8, generator=generator)
    text = torch.randn(2, 77, unet.config.cross_attention_dim, generator=generator)
    return sample.to(unet.dtype), torch.full((2,), 500.0), text.to(unet.dtype)


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

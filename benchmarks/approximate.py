"""A picture that may be approximated beside the same one drawn exactly: time, and how like it is.

    python benchmarks/approximate.py [--model picturebook|sd15] [--steps N] [--side PX]

Every ratio is the median over repeats of approximate / exact, timed in turn in one process. PSNR
(in dB, of RGB pictures of 8 bits) is that of four pictures of other prompts and seeds, of each to
its exact one: their mean, and the least of them. From 30 dB on a difference is hard to see. `sd15`
has random weights of Stable Diffusion 1.5's size: its time says something, its likeness nothing; on
a CPU ask for --steps 20, since fewer than ten are drawn exactly.
"""

from __future__ import annotations

import argparse
import math
import statistics
from functools import partial

import numpy as np
from common import drawing
from PIL import Image

from studio.domain.events import Finished
from studio.domain.refs import Selection
from studio.domain.request import GenerationRequest
from studio.engine.protocol import ended
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.residence.manager import ModelManager

PROMPTS = (
    "a red house on a meadow at sunset",
    "an orange boat on the sea under a stormy sky",
    "a purple balloon over a snowy field at dawn, watercolor",
    "a white cat in the forest at night, moon",
)
ROWS = {
    "steps": "as many steps as asked: approximate / exact",
    "more": "half as many again: approximate / exact",
}
"""As asked, by default 20 and 30 steps."""


def main() -> None:
    drawing.compare(__doc__, ROWS, _pairs, has_sides=True, more=_likeness)


def _steps(flags: argparse.Namespace) -> dict[str, int]:
    both = {"steps": flags.steps, "more": flags.steps * 3 // 2}
    return {row: steps for row, steps in both.items() if flags.row in (None, row)}


def _requests(
    selection: Selection, flags: argparse.Namespace, steps: int, number: int
) -> tuple[GenerationRequest, GenerationRequest]:
    """(approximate, exact) of the picture of that number."""
    exact = GenerationRequest(
        prompt=PROMPTS[number],
        steps=steps,
        guidance_scale=selection.checkpoint.family.guidance_scale,
        seed=number + 1,
        width=flags.side,
        height=flags.side,
    ).settled(selection.checkpoint.name, selection.checkpoint.family)
    return exact.model_copy(update={"approximate": True}), exact


def _pairs(
    selection: Selection, manager: ModelManager, flags: argparse.Namespace
) -> dict[str, tuple[drawing.Work, drawing.Work]]:
    engine = StableDiffusionEngine(manager, lambda request: selection)
    return {
        row: tuple(
            partial(drawing.run, engine, request)
            for request in _requests(selection, flags, steps, 0)
        )
        for row, steps in _steps(flags).items()
    }


def _likeness(
    selection: Selection, manager: ModelManager, flags: argparse.Namespace
) -> dict[str, dict[str, float]]:
    engine = StableDiffusionEngine(manager, lambda request: selection)
    count = len(PROMPTS) if flags.model == "picturebook" else 1
    return {
        row: _psnr(engine, [_requests(selection, flags, steps, n) for n in range(count)])
        for row, steps in _steps(flags).items()
    }


def _psnr(
    engine: StableDiffusionEngine, requests: list[tuple[GenerationRequest, GenerationRequest]]
) -> dict[str, float]:
    found = [psnr(*(_drawn(engine, request) for request in pair)) for pair in requests]
    return {
        "PSNR": round(statistics.mean(found), 1),
        "least": round(min(found), 1),
        "pictures": len(found),
    }


def psnr(one: Image.Image, other: Image.Image) -> float:
    """Of two RGB pictures of the same size, in dB; infinite where they are the same."""
    difference = np.asarray(one, np.float64) - np.asarray(other, np.float64)
    squares = float((difference**2).mean())
    return 10 * math.log10(255**2 / squares) if squares else math.inf


def _drawn(engine: StableDiffusionEngine, request: GenerationRequest) -> Image.Image:
    last = ended(engine, request)
    assert isinstance(last, Finished), last
    for warning in last.warnings:
        raise SystemExit(f"{warning} --steps 20 will do.")
    return last.pictures[0].image


if __name__ == "__main__":
    main()

"""Jobs that share their calls against the same jobs one after the other.

    python benchmarks/together.py [--model picturebook|sd15] [--row 2|4|8] [--side 128]

A ratio is the throughput together / one after the other: the median of the seconds of all jobs
one after the other (the first column of seconds, and how long the last of them waits) / those
together (the second, and how long each of them waits). Prompts, seeds and guidance differ.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial

from common import drawing

from studio.domain.events import FINAL, Finished
from studio.domain.refs import Selection
from studio.domain.request import GenerationRequest
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.residence.manager import ModelManager

PROMPTS = ("a red house on a meadow", "a white cat in the forest", "two orange boats on the sea")

ROWS = {str(count): f"{count} jobs together" for count in (2, 4, 8)}


def main() -> None:
    drawing.compare(__doc__, ROWS, _pairs, has_sides=True)


def _pairs(
    selection: Selection, manager: ModelManager, flags: argparse.Namespace
) -> dict[str, tuple[drawing.Work, drawing.Work]]:
    family = selection.checkpoint.family
    width, height = (flags.side, flags.side) if flags.side else family.native_size
    engine = StableDiffusionEngine(manager, lambda request: selection)
    requests = [
        GenerationRequest(
            prompt=PROMPTS[number % len(PROMPTS)],
            steps=flags.steps,
            guidance_scale=4.0 + number,
            seed=number,
            width=width,
            height=height,
        ).settled(selection.checkpoint.name, family)
        for number in range(8)
    ]
    return {
        row: (
            partial(_one_after_the_other, engine, requests[: int(row)]),
            partial(_together, engine, requests[: int(row)]),
        )
        for row in ROWS
    }


def _one_after_the_other(
    engine: StableDiffusionEngine, requests: Sequence[GenerationRequest]
) -> None:
    for request in requests:
        drawing.run(engine, request)


def _together(engine: StableDiffusionEngine, requests: Sequence[GenerationRequest]) -> None:
    runs = [engine.open(request) for request in requests]
    while left := [run for run in runs if not run.done]:
        for _, event in engine.advance(left):
            assert isinstance(event, Finished) or not isinstance(event, FINAL), event


if __name__ == "__main__":
    main()

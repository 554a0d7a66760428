"""What it costs to look where the words act: a picture with maps beside the same one without.

    python benchmarks/attention_maps.py [--model picturebook|sd15] [--steps N] [--side PX]

Every ratio is the median over repeats of with / without, the two timed in turn in one process; the
pictures are compared, and are the same bytes. `sd15` has random weights of Stable Diffusion 1.5's
size. The goal is 1.10 at most.
"""

from __future__ import annotations

import argparse
from functools import partial

from common import drawing

from studio.domain.events import Finished
from studio.domain.refs import Selection
from studio.domain.request import GenerationRequest
from studio.engine.protocol import ended
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.residence.manager import ModelManager

PROMPT = "a red house on the left of a meadow, a tall tree beside it, under a starry sky"
ROWS = {
    "one": "one picture: with maps / without",
    "four": "four pictures: with maps / without",
}


def main() -> None:
    drawing.compare(__doc__, ROWS, _pairs, has_sides=True)


def _pairs(
    selection: Selection, manager: ModelManager, flags: argparse.Namespace
) -> dict[str, tuple[drawing.Work, drawing.Work]]:
    engine = StableDiffusionEngine(manager, lambda request: selection)

    def pair(count: int) -> tuple[drawing.Work, drawing.Work]:
        without = GenerationRequest(
            prompt=PROMPT,
            steps=flags.steps,
            seed=1,
            batch_size=count,
            width=flags.side,
            height=flags.side,
        ).settled(selection.checkpoint.name, selection.checkpoint.family)
        looked = without.model_copy(update={"attention_maps": True})
        _check(engine, looked, without)
        return partial(drawing.run, engine, looked), partial(drawing.run, engine, without)

    wanted = {"one": 1, "four": 4}
    return {name: pair(count) for name, count in wanted.items() if flags.row in (None, name)}


def _check(
    engine: StableDiffusionEngine, looked: GenerationRequest, without: GenerationRequest
) -> None:
    ends = [ended(engine, request) for request in (looked, without)]
    assert all(isinstance(end, Finished) for end in ends), ends
    for one, other in zip(*(end.pictures for end in ends), strict=True):
        assert one.words, "there are no maps"
        assert one.image.tobytes() == other.image.tobytes(), "the pictures differ"


if __name__ == "__main__":
    main()

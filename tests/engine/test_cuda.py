"""What a GPU does beyond what a CPU can show. Skipped where there is none."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from studio.diffusion.graphs import FIRST, CudaRecorder, Graphs
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.residence.manager import ModelManager
from tests.engine import tiny_models
from tests.engine.running import pictures, run
from tests.models_in_memory import picturebook

pytestmark = pytest.mark.cuda
FIELDS = {"prompt": "a red house on a meadow", "seed": 3, "steps": 8}


class CountingRecorder(CudaRecorder):
    recorded = 0

    def __call__(self, work):
        self.recorded += 1
        return super().__call__(work)


def apart(one, other) -> int:
    """The largest difference of two pictures at a pixel."""
    return int(np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16)).max())


def test_graphs_draw_the_same_through_swaps_and_loras_without_being_made_again(tmp_path):
    models, recorder = tiny_models.write(tmp_path), CountingRecorder(torch.device("cuda:0"))
    plain = models.engine(device="cuda")
    ours = models.engine(device="cuda", execution=Graphs(recorder))
    for fields in (
        {},
        {"checkpoint": "two"},
        {"loras": [{"name": "blueprint", "weight": 0.8}]},
        {"controls": [{"controlnet": "edges", "image": "any", "scale": 0.9}]},
        {},
    ):
        request = tiny_models.settled(**{"steps": FIRST + 2, **fields})
        drawn = [run(engine, request)[-1].pictures[0].image for engine in (plain, ours)]
        assert apart(*drawn) <= 1, fields
    assert recorder.recorded == 1


@pytest.mark.parametrize("mode", ["offload", "partial", "sequential"])
def test_memory_modes_draw_the_same_picture(mode):
    drawn = []
    for each in ("device", mode):
        manager = ModelManager("cuda", mode=each)
        engine = StableDiffusionEngine(manager, lambda request: picturebook())
        drawn += pictures(engine, **FIELDS)
    assert apart(*drawn) <= 3

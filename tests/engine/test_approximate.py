"""Pictures that may be approximated: almost the same for less work, and nothing of it stays."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from studio.domain import events
from studio.engine.stable_diffusion import StableDiffusionEngine
from tests import models_in_memory
from tests.engine import tiny_models
from tests.engine.running import pictures, run
from tests.engine.test_together import calls
from tests.engine.tiny_models import TinyModels
from tests.models_in_memory import picturebook

WORDS = {"prompt": "a red house on a meadow", "seed": 7, "guidance_scale": 6.0}
ON = {"approximate": True}


def psnr(one: Image.Image, other: Image.Image) -> float:
    """In dB."""
    difference = np.asarray(one, np.float64) - np.asarray(other, np.float64)
    return 10 * math.log10(255**2 / max((difference**2).mean(), 1e-9))


def test_almost_the_same_picture_for_less_work():
    """The whole U-Net at 10 of 20 calls, the negative prompt in 14 of them."""
    engine = models_in_memory.engine()
    with models_in_memory.manager("float32").lease(picturebook()) as models:
        unet = models.backbone
    exact = pictures(engine, **WORDS)[0]
    with calls(unet.mid_block) as deep, calls(unet.conv_out) as all_rows:
        found = pictures(engine, **WORDS, **ON)[0]
    assert deep == [2] * 8 + [1] * 2
    assert all_rows == [2] * 14 + [1] * 6
    assert 23 < psnr(found, exact) < 60


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> TinyModels:
    return tiny_models.write(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def engine(models) -> StableDiffusionEngine:
    return models.engine()


def drawn(engine, *, cancelled_at: int = 0, **fields) -> tuple[bytes, Sequence[str]]:
    """(pixels, warnings)."""

    def watch(one, event) -> None:
        if isinstance(event, events.Progress) and event.step == cancelled_at:
            one.cancel()

    request = tiny_models.settled(**{"steps": 12, **fields})
    last = run(engine, request, lambda: True, watch)[-1]
    assert isinstance(last, events.Cancelled if cancelled_at else events.Finished), last
    return last.pictures[0].image.tobytes(), last.pictures[0].warnings


UNIT = {"image": "any", "scale": 0.9}
INPAINT = {"kind": "inpaint", "image": "any", "mask": "any", "strength": 0.9}


@pytest.mark.parametrize("fields", [
    {"scheduler": "Heun", "controls": [UNIT | {"controlnet": "edges", "mode": "control"}]},
    {"scheduler": "Restart", "steps": 20, "loras": ["blueprint:1"], "batch_size": 2},
    {"scheduler": "DPM++ 2S a", "controls": [UNIT | {"controlnet": "look", "end": 0.5}]},
    {"scheduler": "Euler CFG++", "task": INPAINT, "steps": 14},
    {"hires": {"strength": 0.8}, "tiling": "both", "attention_maps": True},
    {"refiner": {"checkpoint": "two", "switch_at": 0.6}, "prompt": "a [red:blue:0.3] house"},
])  # fmt: skip
def test_beside_everything_else(engine, fields):
    exact, _ = drawn(engine, **fields)
    drawn(engine, **fields, **ON, cancelled_at=6)
    found, warnings = drawn(engine, **fields, **ON)
    assert warnings == ()
    assert drawn(engine, **fields, **ON)[0] == found
    assert drawn(engine, **fields)[0] == exact


def test_control_nets_are_left_out_with_the_deep_blocks(models, engine):
    fields = {"steps": 20, "controls": [UNIT | {"controlnet": "edges"}]}
    selection = models.select(tiny_models.settled(**fields))
    with engine._manager.lease(selection) as lent:
        net = lent.controlnets[0]
    with calls(net) as rows:
        drawn(engine, **fields, **ON)
    assert rows == [2] * 8 + [1] * 2


@pytest.mark.parametrize(
    "fields", [{"steps": 4, "guidance_scale": 1}, {"scheduler": "DPM adaptive"}]
)
def test_where_nothing_can_be_approximated_it_is_said(engine, fields):
    exact, _ = drawn(engine, **fields)
    found, [warning] = drawn(engine, **fields, **ON)
    assert found == exact and "Nothing could be approximated" in warning

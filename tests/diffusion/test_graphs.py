"""Calls that are recorded and replayed answer as those that are made, to the last bit; and what
cannot be recorded, or is no longer what was recorded, is done as it is."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
from diffusers import UNet2DConditionModel

from studio.diffusion.graphs import _MOST, FIRST, Graphs
from studio.diffusion.rows import Residuals, Rows
from studio.families.stable_diffusion.backbone import UNetPredictor
from tests.diffusion.replaying import TapeRecorder
from tests.engine import tiny_models
from tests.engine.running import run
from tests.weights import nets

WIDTH = 64


class Calls:
    """Of one small U-Net, by recordings and as it is."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        unet = UNet2DConditionModel(
            cross_attention_dim=WIDTH,
            block_out_channels=[32],
            layers_per_block=1,
            attention_head_dim=8,
            down_block_types=["CrossAttnDownBlock2D"],
            up_block_types=["CrossAttnUpBlock2D"],
        )
        self.unet = nets.shaken(unet, 0.05).eval().requires_grad_(False)
        self.recorder = TapeRecorder()
        self.graphs = Graphs(self.recorder)
        self._ours, self._plain = UNetPredictor(self.unet, self.graphs), UNetPredictor(self.unet)
        self._seed = 0

    def agree(self, times: int = 1, side: int = 8, residuals: Residuals | None = None) -> int:
        """So many calls, each with other inputs: how many of them were replayed."""
        before = self.recorder.replayed
        for _ in range(times):
            self._seed += 1
            noise = torch.Generator().manual_seed(self._seed)
            rows = Rows(
                torch.randn(2, 4, side, side, generator=noise),
                torch.full((2,), 900.0 - self._seed),
                torch.randn(2, 7, WIDTH, generator=noise),
            )
            assert torch.equal(self._ours(rows, residuals), self._plain(rows, residuals))
        return self.recorder.replayed - before

    @property
    def weight(self) -> torch.nn.Parameter:
        return self.unet.mid_block.resnets[0].conv1.weight


@pytest.fixture
def calls():
    with torch.inference_mode():
        yield Calls()


def test_a_shape_is_recorded_once_and_then_replayed(calls):
    assert calls.agree(FIRST - 1) == 0
    assert calls.agree(5) == 5
    assert calls.recorder.recorded == 1


def test_weights_that_are_exchanged_in_place_are_seen_and_those_that_moved_drop_it(calls):
    calls.agree(FIRST)
    calls.weight.copy_(calls.weight * 2)
    assert calls.agree(2) == 2
    calls.weight.data = calls.weight * 0.5
    assert calls.agree(FIRST) == 1
    assert calls.recorder.recorded == 2


def test_what_looks_on_or_acts_within_makes_it_a_call_as_it_is(calls):
    calls.agree(FIRST)
    seen = []
    hook = calls.unet.mid_block.register_forward_hook(lambda *_: seen.append(1))
    assert calls.agree(2) == 0
    assert len(seen) == 4
    hook.remove()
    middle = torch.ones(2, 32, 8, 8)
    assert calls.agree(2, residuals=Residuals(down=(middle, middle), middle=middle)) == 0
    calls.unet.conv_in.forward = lambda given: torch.zeros(2, 32, 8, 8)
    assert calls.agree(2) == 0
    del calls.unet.conv_in.forward
    assert calls.agree(2) == 2
    assert calls.recorder.recorded == 1


def test_few_shapes_are_kept_those_used_last(calls):
    sides = [7 + number for number in range(1, _MOST + 2)]
    assert [calls.agree(FIRST, side) for side in sides] == [1] * len(sides)
    assert calls.agree(1, sides[-1]) == 1
    assert calls.agree(1, sides[0]) == 0
    calls.graphs.forget()
    assert calls.agree(1, sides[-1]) == 0


def test_a_module_that_nobody_has_any_more_is_given_up(calls):
    calls.agree(FIRST)
    unet = weakref.ref(calls.unet)
    del calls.unet, calls._ours, calls._plain
    gc.collect()
    assert unet() is None


def test_what_cannot_be_recorded_is_not_tried_again(calls, caplog):
    tried = []

    def refuse(work):
        tried.append(work())
        raise RuntimeError("operation not permitted when stream is capturing")

    calls.graphs._record = refuse
    assert calls.agree(FIRST + 3) == 0
    assert len(tried) == 1
    assert "cuda-graphs: operation not permitted" in caplog.text


def test_runs_draw_the_same_whatever_they_borrow(tmp_path):
    models, recorder = tiny_models.write(tmp_path), TapeRecorder()
    plain, ours = models.engine(), models.engine(execution=Graphs(recorder))
    unit = {"controlnet": "edges", "image": "any", "scale": 0.9}
    for fields in (
        {},
        {"loras": [{"name": "blueprint", "weight": 0.8}]},
        {"checkpoint": "two"},
        {"controls": [unit], "tiling": "both"},
        {"steps": 30, "approximate": True},
        {"steps": 30, "approximate": True, "controls": [unit]},
        {},
    ):
        recorded, replayed = recorder.recorded, recorder.replayed
        request = tiny_models.settled(**{"steps": FIRST + 2, **fields})
        drawn = [run(engine, request)[-1].pictures[0].image for engine in (plain, ours)]
        assert drawn[0].tobytes() == drawn[1].tobytes(), fields
        recorded, replayed = recorder.recorded - recorded, recorder.replayed - replayed
        if "controls" in fields:
            assert (recorded, replayed) == (0, 0)
        elif "approximate" in fields:  # whole and without deep blocks, guided and in the tail
            assert recorded == 4
            assert replayed == 30 - 4 * (FIRST - 1)
        else:
            assert (recorded, replayed) == (1, 3)

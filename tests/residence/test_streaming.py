"""A U-Net of which a part stays and the rest comes while it computes predicts the same, to the last
bit, whatever happens between two calls and within one."""

from __future__ import annotations

import weakref
from functools import partial

import pytest
import torch

from studio.diffusion.interruption import Interrupted, interrupted_when
from studio.diffusion.rows import Rows
from studio.domain import events
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.families.stable_diffusion.backbone import UNetPredictor
from studio.residence import memory, slot
from studio.residence.manager import ModelManager
from studio.residence.slot import Slot
from studio.residence.streaming import spread
from tests import models_in_memory
from tests.engine import tiny_models
from tests.engine.running import run
from tests.models_in_memory import manager, picturebook
from tests.residence.copying import LateCopies
from tests.residence.leasing import Owner, seated

CPU = torch.device("cpu")
ALL = 68_000_000
"""Bytes of picturebook's U-Net in float32, and a little."""


@pytest.fixture
def unet():
    with manager("float32").lease(picturebook()) as models, torch.inference_mode():
        yield models.backbone


class Streamed:
    """picturebook's U-Net in a slot with `room`, and the copies to it."""

    def __init__(self, unet: torch.nn.Module, room: int) -> None:
        self.copies = LateCopies()
        self.weights = dict(unet.state_dict())
        self.slot = Slot("unet", dict(unet.config), CPU, room=lambda: room, copies=self.copies)
        self.slot.fill(self.weights)
        self.slot.bring()
        self._ours, self._plain = UNetPredictor(self.slot.module), UNetPredictor(unet)
        self._seed = 0

    def agrees(self) -> bool:
        self._seed += 1
        noise = torch.Generator().manual_seed(self._seed)
        sample, text = torch.randn(1, 4, 8, 8, generator=noise), torch.randn(1, 77, 192)
        rows = Rows(sample, torch.tensor([900.0]), text)
        return torch.equal(self._ours(rows), self._plain(rows))


@pytest.mark.parametrize("room", [0, ALL // 2, ALL])
def test_it_predicts_the_same_and_what_comes_is_foreseen(unet, room):
    streamed = Streamed(unet, room)
    copies = streamed.copies
    assert streamed.agrees()
    assert copies.foreseen == 0, "which group follows is not known yet"
    first = copies.waited_for
    assert streamed.agrees()  # of which the first group alone was not foreseen
    copies.foreseen = copies.waited_for = 0
    assert streamed.agrees()
    assert copies.foreseen == copies.waited_for == first
    assert (first > 0) == (room < ALL)
    taken = streamed.slot.size_bytes
    assert taken <= room if room else taken < ALL // 3


def test_a_call_that_ends_within_leaves_the_next_one_exact(unet):
    streamed, looks = Streamed(unet, ALL // 3), []

    def gone() -> bool:
        looks.append(1)
        return len(looks) == 9

    assert streamed.agrees()
    with interrupted_when(gone), pytest.raises(Interrupted):
        streamed.agrees()
    assert streamed.agrees() and streamed.agrees()


def test_a_layer_that_fails_and_a_copy_that_does_not_fit_leave_the_next_one_exact(unet):
    streamed = Streamed(unet, 0)
    broken = streamed.slot.module.mid_block.resnets[0]
    broken.conv1.forward = lambda given: given[:, :0]
    with pytest.raises(RuntimeError):
        streamed.agrees()
    del broken.conv1.forward
    streamed.copies.fails_at = streamed.copies.begun + 5
    with pytest.raises(torch.OutOfMemoryError):
        streamed.agrees()
    streamed.copies.fails_at = None
    assert streamed.agrees() and streamed.agrees()


def test_weights_exchanged_between_two_calls_are_those_of_the_next_one(unet):
    streamed = Streamed(unet, ALL // 2)
    assert streamed.agrees() and streamed.agrees() and streamed.copies.under_way > 0
    streamed.slot.fill({name: tensor * 0.5 for name, tensor in streamed.weights.items()})
    assert not streamed.agrees()
    streamed.slot.fill(streamed.weights)
    assert streamed.agrees()


def test_memory_is_given_back_only_after_what_is_still_copied_to_it(unet):
    streamed = Streamed(unet, 0)
    assert streamed.agrees() and streamed.agrees() and streamed.copies.under_way > 0
    module, copies, where = streamed.slot.module, streamed.copies, streamed.slot._streaming
    buffer = weakref.ref(where._buffers[0])
    del streamed, where  # as a pool forgets a slot: without sending it away
    assert buffer() is None and copies.under_way == 0
    assert module is not None


def test_what_stays_is_spread_over_the_others():
    assert spread([4] * 8, 16) == [False, True] * 4
    assert spread([4] * 8, -1) == [False] * 8
    assert spread([4] * 8, 32) == [True] * 8
    assert spread([0, 9, 0, 1], 5) == [True, False, True, True]


class Partly(ModelManager):
    """Its U-Nets are streamed on a CPU, too, by `copies`; a third of them stays."""

    def __init__(self) -> None:
        super().__init__("cpu", "float32")
        self.copies: list[LateCopies] = []

    def _planned(self, wanted):
        return "partial", self._pool.plan(wanted, "partial", self._lent_slots())


@pytest.fixture
def partly(monkeypatch):
    held = Partly()

    def copies_to(_):
        held.copies.append(LateCopies())
        return held.copies[-1]

    monkeypatch.setattr(slot, "copies_to", copies_to)
    monkeypatch.setattr("studio.residence.streaming._SMALL", 2**12)
    monkeypatch.setattr(memory, "room_for", lambda mode, device: 300_000)
    return held


def test_runs_draw_the_same_whatever_they_borrow(tmp_path, partly):
    models = tiny_models.write(tmp_path)
    plain = models.engine()
    ours = StableDiffusionEngine(
        partly,
        models.select,
        read=lambda name: tiny_models.picture(),
        map_of=lambda unit, image, size, mask: image.resize(size),
    )
    unit = {"controlnet": "edges", "image": "any", "scale": 0.9}
    for fields in (
        {},
        {"loras": [{"name": "blueprint", "weight": 0.8}]},
        {},
        {"checkpoint": "two"},
        {"controls": [unit], "tiling": "both"},
        {"approximate": True, "steps": 10},
        {},
    ):
        request = tiny_models.settled(**fields)
        drawn = [run(engine, request)[-1].pictures[0].image for engine in (plain, ours)]
        assert drawn[0].tobytes() == drawn[1].tobytes(), fields
    assert sum(each.begun for each in partly.copies) > 100


def test_after_a_cancel_and_after_running_out_of_memory_the_next_picture_is_the_same(partly):
    select = partial(models_in_memory.select, models_in_memory.catalog())
    ours, plain = StableDiffusionEngine(partly, select), models_in_memory.engine()
    ref = picturebook().checkpoint
    request = tiny_models.GenerationRequest(
        prompt="a red house", seed=3, steps=3, width=64, height=64
    ).settled(ref.name, ref.family)

    def cancel(under_way, event):
        if isinstance(event, events.Progress):
            under_way.cancel()

    assert isinstance(run(ours, request, watch=cancel)[-1], events.Cancelled)
    [copies] = partly.copies
    copies.fails_at = copies.begun + 7
    failed = run(ours, request)[-1]
    assert isinstance(failed, events.Failed) and "not enough memory" in failed.message
    copies.fails_at = None
    drawn = [run(engine, request)[-1].pictures[0].image.tobytes() for engine in (plain, ours)]
    assert drawn[0] == drawn[1]


def test_a_unet_is_brought_last_and_takes_what_its_control_nets_leave(tmp_path, partly):
    models, there = tiny_models.write(tmp_path), []
    request = tiny_models.settled(controls=[{"controlnet": "edges", "image": "any"}])
    with seated(partly, models.select(request), owner := Owner()) as lease:
        slots = lease.seat.slots

        def room():
            there.append([part for part, each in slots.items() if each.resident])
            return 0

        slots["unet"]._room = room
        for each in slots.values():  # on a CPU all were brought at once
            each.resident = False
        with torch.inference_mode():
            lease.bring("unet")
    assert owner and there == [["controlnet 1"]]

"""What does not fit into memory is refused before anything is drawn, with what does."""

from __future__ import annotations

import re
from functools import partial

import pytest
import torch

from studio.catalog.select import select
from studio.domain import events
from studio.engine.forecast import Appetite
from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.residence import memory
from studio.residence.manager import ModelManager
from studio.residence.metering import Meter
from tests import models_in_memory
from tests.engine.running import run, settled, step

FIELDS = {"prompt": "a red house", "seed": 1, "steps": 1}


@pytest.fixture(scope="module")
def engine() -> StableDiffusionEngine:
    """It has drawn something large, so that its models are in memory and their appetite known; no
    others are there, which could be given up."""
    engine = StableDiffusionEngine(
        ModelManager("cpu", "float32"), partial(select, models_in_memory.catalog())
    )
    assert isinstance(run(engine, settled(**FIELDS, width=136))[-1], events.Finished)
    return engine


def appetite(engine: StableDiffusionEngine) -> Appetite:
    [found] = engine._resources.forecast._known.values()
    return found


@pytest.fixture
def free_for(engine, monkeypatch) -> int:
    """Only so much memory is free as one picture of 320 × 320 takes, the weights being there."""
    free_bytes = appetite(engine).of(1, (320, 320))
    monkeypatch.setattr(memory, "free_host_bytes", lambda: free_bytes)
    return free_bytes


def refused(engine: StableDiffusionEngine, **fields) -> events.Failed:
    happened = run(engine, settled(**FIELDS, **fields))
    assert [type(event) for event in happened] == [events.Failed]  # nothing was begun
    return happened[-1]


def is_drawn(engine: StableDiffusionEngine, **fields) -> bool:
    return isinstance(run(engine, settled(**FIELDS, **fields))[-1], events.Finished)


def test_what_can_never_fit_is_known_before_it_is_begun(engine, free_for, monkeypatch):
    def known(**fields):
        return engine.memory(settled(**FIELDS, **fields))

    weights = engine._resources.manager._cache.size_bytes
    monkeypatch.setattr(memory, "free_host_bytes", lambda: free_for - weights)
    assert known(width=320, height=320).refusal is None
    assert known(width=320, height=320).needed_bytes == free_for
    refusal = known(hires={"factor": 4}).refusal
    assert refusal.field == "hires.factor"
    assert refusal.message.endswith("Choose a factor of at most 2.5.")
    assert known(width=64, height=64).refusal is None
    with engine._resources.manager.lease(engine._resources.select(settled(**FIELDS))):
        assert known(hires={"factor": 4}).refusal is None, "what runs has it, and gives it back"
    assert models_in_memory.engine().memory(settled(**FIELDS)) is None, "nothing was measured yet"


def test_hires_is_refused_with_the_factor_that_fits(engine, free_for):
    told = refused(engine, hires={"factor": 4})
    assert (told.error, told.field) == ("OutOfMemory", "hires.factor")
    assert "1 × 512×512 pixels take" in told.message
    assert told.message.endswith("Choose a factor of at most 2.5.")
    assert is_drawn(engine, hires={"factor": 2.5, "strength": 0.5})
    refused(engine, hires={"factor": 2.6})


@pytest.mark.parametrize("asked, fits", [
    ({"width": 512}, "320×320"),
    pytest.param({"height": 512}, "320×320", marks=pytest.mark.slow),
    ({"width": 640, "height": 320}, "448×224"),
])  # fmt: skip
def test_hires_of_a_size_is_refused_with_the_size_that_fits(engine, free_for, asked, fits):
    told = refused(engine, hires=asked)
    assert told.field == f"hires.{next(iter(asked))}"
    assert told.message.endswith(f"Choose at most {fits}.")
    width, height = map(int, fits.split("×"))
    assert is_drawn(engine, hires={"width": width, "height": height, "strength": 0.5})


def test_a_plain_picture_and_a_batch_are_refused_alike(engine, free_for):
    told = refused(engine, width=400, height=400)
    assert told.field == "width" and told.message.endswith("Choose at most 320×320.")
    most = int(free_for / (appetite(engine).step * 256 * 256))
    told = refused(engine, width=256, height=256, batch_size=most + 1)
    assert told.message.endswith(f"or a batch of {most}.")
    assert re.search(r"at most 2[0-9]{2}×2[0-9]{2}, or", told.message)
    assert is_drawn(engine, width=256, height=256, batch_size=most)


def test_the_size_a_family_was_made_for_is_not_asked_about(engine, monkeypatch):
    monkeypatch.setattr(memory, "free_host_bytes", lambda: 0)
    assert is_drawn(engine)


def test_what_small_pictures_tell_holds_for_large_ones(engine):
    """What the larger picture takes is within a tenth of what was foretold, but for what is kept of
    the texts, which is the same for all sizes."""
    one, meter, peaks = (
        engine.open(settled(**FIELDS | {"steps": 2}, width=384, height=384)),
        Meter(CPU),
        [],
    )
    while not one.done:
        with meter.counting():
            event = step(engine, one)
        if isinstance(event, (events.Progress, events.Finished)):
            peaks.append(meter.take())
    told = appetite(engine)
    assert peaks[1] - 2 * MIB == pytest.approx(told.step * 384 * 384, rel=0.1)
    assert peaks[2] - 2 * MIB == pytest.approx(told.decode * 384 * 384, rel=0.1)


CPU = torch.device("cpu")
MIB = 2**20


def test_a_cancel_ends_the_small_pictures_within_a_step():
    engine, ended = models_in_memory.engine(), []
    one = engine.open(settled(**FIELDS, width=256, height=256))
    with engine._manager.lease(models_in_memory.picturebook()) as held:
        unet = held.backbone
    hooks = [
        unet.conv_in.register_forward_hook(lambda *_: one.cancel()),
        unet.register_forward_hook(lambda *_: ended.append(1)),
    ]
    try:
        while not one.done:
            event = step(engine, one)
    finally:
        for hook in hooks:
            hook.remove()
    assert (event, ended) == (events.Cancelled(()), [])
    assert is_drawn(engine, width=256, height=256)


def test_the_meter_counts_what_lives_at_once():
    meter = Meter(CPU)
    kept = torch.ones(MIB // 4)  # was there before
    with meter.counting(), torch.inference_mode():
        one = kept + 1
        two = one.view(2, -1) * 2  # a view takes nothing
        del one
        two.add_(1)
        three = two + 1
    assert meter.take() == 2 * MIB
    assert meter.take() == 2 * MIB  # they live on
    del two, three
    with meter.counting():
        kept.view(-1)
    meter.take()
    assert meter.take() == 0

"""Runs whose steps are made by one call: each draws what it draws alone, to 2 of 255."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from studio.domain import events
from studio.domain.request import GenerationRequest
from studio.domain.schedulers import SCHEDULERS
from studio.engine.stable_diffusion import StableDiffusionEngine
from tests.engine import tiny_models
from tests.engine.running import run
from tests.engine.tiny_models import TinyModels

TOLERANCE = 2
"""Kernels depend on how many rows there are: a CPU adds in another order then."""

UNIT = {"image": "any", "scale": 0.9}
EDGES = {"controls": [UNIT | {"controlnet": "edges"}]}
LONG = "a red house on a meadow, " * 20


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> TinyModels:
    return tiny_models.write(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def engine(models) -> StableDiffusionEngine:
    return models.engine()


@pytest.fixture(scope="module")
def alone(models) -> Callable[[GenerationRequest], list[Image.Image]]:
    engine, known = models.engine(), {}

    def draw(request: GenerationRequest) -> list[Image.Image]:
        key = request.model_dump_json()
        if key not in known:
            known[key] = pictures(run(engine, request)[-1])
        return known[key]

    return draw


def pictures(event: events.Event) -> list[Image.Image]:
    assert isinstance(event, events.Finished), event
    return [picture.image for picture in event.pictures]


def together(
    engine: StableDiffusionEngine, requests: Sequence[GenerationRequest]
) -> list[events.Event]:
    """How each of `requests` ended, all of them advanced at once."""
    runs, last = [engine.open(request) for request in requests], {}
    while left := [one for one in runs if not one.done]:
        for one, event in engine.advance(left):
            last[one] = event
    return [last[one] for one in runs]


def difference(found: Sequence[Image.Image], expected: Sequence[Image.Image]) -> int:
    pairs = zip(found, expected, strict=True)
    return max(
        int(np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16)).max())
        for one, other in pairs
    )


@contextmanager
def calls(module: nn.Module) -> Iterator[list[int]]:
    """The rows of each call of `module`."""
    rows: list[int] = []
    hook = module.register_forward_pre_hook(lambda _, given: rows.append(len(given[0])))
    try:
        yield rows
    finally:
        hook.remove()


def unet_of(engine: StableDiffusionEngine) -> nn.Module:
    with engine._manager.lease(engine._resources.select(tiny_models.settled())) as models:
        return models.backbone


@pytest.mark.slow
def test_every_sampler_beside_all_others(engine, alone):
    """One call a step for all that is left, whatever its steps, seeds and noise."""
    requests = [
        tiny_models.settled(scheduler=name, seed=number, steps=8 + number % 3)
        for number, name in enumerate(SCHEDULERS)
    ]
    with calls(unet_of(engine)) as rows:
        ended = together(engine, requests)
    for request, event in zip(requests, ended, strict=True):
        off = difference(pictures(event), alone(request))
        assert off <= TOLERANCE, request.scheduler
    assert max(rows) == 2 * len(SCHEDULERS)


DIFFERENT = [
    {},
    {"guidance_scale": 1},
    {"guidance_scale": 12, "guidance_rescale": 0.7},
    {"prompt": LONG},
    {"prompt": LONG, "negative_prompt": "rain", "seed": 3},
    {"batch_size": 3, "seed": 20},
    {"task": {"kind": "image_to_image", "image": "any", "strength": 0.5}, "steps": 4},
    {"vae": "pale", "seed": 4},
    {"prompt": "a mood house"},
    {"width": 128},
    {"hires": {"strength": 0.5, "steps": 2}},
    {"approximate": True, "steps": 12},
    {**EDGES, "approximate": True, "steps": 11, "seed": 4},
    {"loras": ["blueprint:1"]},
    {"loras": ["blueprint:1"], "seed": 8},
    {**EDGES, "seed": 5},
    {"controls": [UNIT | {"controlnet": "edges", "mode": "control", "scale": 1.4}]},
    {"controls": [UNIT | {"controlnet": "edges", "mode": "prompt", "end": 0.5}]},
    {**EDGES, "guidance_scale": 1},
    {"controls": [UNIT | {"controlnet": "depth"}, UNIT | {"controlnet": "edges"}]},
    {"controls": [UNIT | {"controlnet": "look"}]},
    {"controls": [UNIT | {"controlnet": "look"}], "seed": 6},
]


def test_whatever_is_asked_for_beside_whatever(engine, alone):
    requests = [tiny_models.settled(**fields) for fields in DIFFERENT]
    with calls(unet_of(engine)) as rows:
        ended = together(engine, requests)
    for fields, request, event in zip(DIFFERENT, requests, ended, strict=True):
        assert difference(pictures(event), alone(request)) <= TOLERANCE, fields
    assert max(rows) > 10


def test_control_nets_are_called_once_for_all(engine, alone):
    """The weaker of the two has half its strength, whatever the other has."""
    strong, weak = EDGES, {"controls": [UNIT | {"controlnet": "edges", "scale": 0.4}]}
    requests = [tiny_models.settled(**fields) for fields in (strong, weak)]
    selection = engine._resources.select(requests[0])
    with engine._manager.lease(selection) as lent:
        net = lent.controlnets[0]
    with calls(net) as rows:
        ended = together(engine, requests)
    assert set(rows) == {4}
    for request, event in zip(requests, ended, strict=True):
        assert difference(pictures(event), alone(request)) <= TOLERANCE
    assert difference(alone(requests[0]), alone(requests[1])) > 5 * TOLERANCE


def test_one_that_comes_later_joins_and_one_that_goes_leaves_the_others(engine, alone):
    first, second, third = (
        tiny_models.settled(seed=seed, steps=6, scheduler="Euler a") for seed in (1, 2, 3)
    )
    runs, last = [engine.open(first), engine.open(second)], {}
    with calls(unet_of(engine)) as rows:
        while left := [one for one in runs if not one.done]:
            for one, event in engine.advance(left):
                last[one] = event
                if one is runs[0] and isinstance(event, events.Progress) and event.step == 3:
                    runs.append(engine.open(third))
                    runs[1].cancel()
    assert rows[0] == 4 and 2 in rows
    assert isinstance(last[runs[1]], events.Cancelled)
    assert last[runs[1]].pictures[0].partial
    assert difference(pictures(last[runs[0]]), alone(first)) <= TOLERANCE
    assert difference(pictures(last[runs[2]]), alone(third)) <= TOLERANCE


def test_a_call_for_which_there_is_no_room_is_halved_from_then_on(engine, alone):
    unet, tried = unet_of(engine), []

    def no_room(_: nn.Module, given: Sequence[torch.Tensor]) -> None:
        tried.append(len(given[0]))
        if len(given[0]) > 4:
            raise torch.OutOfMemoryError("no room")

    requests = [tiny_models.settled(seed=seed, steps=3) for seed in range(4)]
    hook = unet.register_forward_pre_hook(no_room)
    try:
        ended = together(engine, requests)
    finally:
        hook.remove()
    assert tried == [8, 4, 4, 4, 4, 4, 4]
    for request, event in zip(requests, ended, strict=True):
        assert difference(pictures(event), alone(request)) <= TOLERANCE


def test_what_fails_one_fails_none_of_the_others(engine, alone):
    good = tiny_models.settled(seed=1)
    bad = tiny_models.settled(seed=2, guidance_scale=1)

    def fail(_: nn.Module, given: Sequence[torch.Tensor]) -> None:
        if len(given[0]) % 2:
            raise RuntimeError("broken")

    hook = unet_of(engine).register_forward_pre_hook(fail)
    try:
        first, second = together(engine, [good, bad])
    finally:
        hook.remove()
    assert difference(pictures(first), alone(good)) <= TOLERANCE
    assert isinstance(second, events.Failed) and "broken" in second.message


def test_which_jobs_are_worth_it(models):
    engine = models.engine()
    running = engine.open(tiny_models.settled())
    assert not engine.joins(tiny_models.settled(), [running]), "it has not begun"
    while not running.selection:
        engine.advance([running])
    assert engine.joins(tiny_models.settled(seed=8, steps=9), [running])
    assert not engine.joins(tiny_models.settled(checkpoint="two"), [running])
    assert not engine.joins(tiny_models.settled(loras=["pastel:1"]), [running])
    assert not engine.joins(tiny_models.settled(width=128), [running])
    large = engine.open(tiny_models.settled(width=1024, height=1024))
    while not large.selection:
        engine.advance([large])
    assert not engine.joins(large.request, [large]), "on a CPU it would only make both wait"
    half = models.engine(dtype="bfloat16")
    running = half.open(tiny_models.settled())
    while not running.selection:
        half.advance([running])
    assert not half.joins(running.request, [running]), "single pixels would be others"
    two = models.engine(together=2)
    runs = [two.open(large.request) for _ in range(2)]
    while not all(run.selection for run in runs):
        two.advance(runs)
    assert two.joins(large.request, runs[:1])
    assert not two.joins(large.request, runs)

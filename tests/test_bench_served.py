"""`studio bench served`: what it tells of a step. How long one takes is not looked at."""

from __future__ import annotations

import json

import pytest

from studio.engine.stable_diffusion import StableDiffusionEngine
from studio.settings import shipped
from tests.engine.running import run, settled
from tests.models_in_memory import engine


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(shipped("benchmarks")))
    import served

    return served


def test_a_step_is_timed_from_the_first_ones_end_to_the_last_ones(bench, monkeypatch, tmp_path):
    from common import stepping

    ticks = iter([1.0, 3.0, 8.0, 100.0, 101.0, 103.0])
    monkeypatch.setattr(stepping, "CLOCKS", {"clock": lambda: next(ticks)})
    monkeypatch.setattr(StableDiffusionEngine, "advance", StableDiffusionEngine.advance)
    stepping.time_steps(tmp_path / "steps")
    for _ in range(2):
        run(engine(), settled(prompt="a red house", steps=3, width=64, height=64))
    lines = (tmp_path / "steps").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"clock": 3.5}, {"clock": 1.5}]


def test_ratios_are_of_the_same_round(bench, monkeypatch):
    monkeypatch.setattr(bench, "CLOCKS", ("thread",))

    def took(thread_s, waited_s):
        return {"thread": thread_s, "undisturbed": thread_s + waited_s, "clock": 20.0}

    times = [(2.0, 2.2), (8.0, 8.0), (4.0, 5.0)]
    alone, asked = bench.ratios(
        [{"alone": took(one, 0.0), "asked": took(two, 0.5)} for one, two in times]
    )
    assert (alone["waits"], asked["waits"]) == (0, pytest.approx(0.025))
    assert alone["thread"]["ratio"] == 1
    assert asked["thread"] == {"seconds": 5.0, "ratio": 1.1, "least": 1.0, "most": 1.25}
    report = {"model": "picturebook", "side": 256, "steps": 20, "repeats": 3, "asked": 10}
    last = bench.table(report | {"rows": [alone, asked]}).splitlines()[-1]
    assert "1.100" in last and "2.50%" in last

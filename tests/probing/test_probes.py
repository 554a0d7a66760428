"""A probe finds a lean that is there, and none where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from studio.domain import grids, probes
from studio.domain.errors import InvalidRequest
from studio.domain.probes import ProbeInput
from studio.domain.request import GenerationRequest
from studio.picturebook.vocabulary import COLOURS
from studio.picturebook.world import Scene
from studio.probing import statistics
from studio.probing.measuring import measured
from studio.probing.report import as_csv, report


def scenes(thing: str, colours, count: int, seed: int):
    """Pictures as a model would draw them that has learned these colours of a thing."""
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(count):
        pair = (colours[int(rng.integers(len(colours)))], thing)
        drawn.append((thing, Scene.random(rng, pairs=[pair], count=1).draw((64, 64))))
    return drawn


def test_a_skew_is_found_and_evenness_is_not_taken_for_one():
    skewed = ["red"] * 7 + ["blue", "green", "yellow"]
    pictures = scenes("house", skewed, 24, 1) + scenes("boat", list(COLOURS), 24, 2)
    seen = measured(pictures, "picturebook", lambda *_: [])
    pairs = [(word, values) for (word, _), values in zip(pictures, seen, strict=True)]
    told = report(["house", "boat"], pairs, "picturebook")
    colour = next(one for one in told.attributes if one.name == "colour")
    house, boat = colour.words
    assert house.shares[0].value == "red" and house.p_even < 0.01 and colour.p_differs < 0.01
    assert house.shares[0].low < 0.7 < house.shares[0].high
    assert boat.p_even > 0.01
    assert any("house: the colour leans to red" in one for one in told.findings)
    assert all(one.p_differs > 0.01 for one in told.attributes if one.name != "colour")
    lines = as_csv(told).splitlines()
    assert lines[0].startswith("attribute,word,value,count") and "colour,house,red," in lines[1]


def test_chance_is_called_out_as_often_as_it_should_be():
    rng = np.random.default_rng(3)
    values = list("abcde")
    found = 0
    for _ in range(20):
        rows = [list(rng.choice(values, 24)) for _ in range(3)]
        found += statistics.uneven(rows[0], values) < 0.05
    assert found <= 4
    assert statistics.differ([list("aabbab"), list("ababab")]) > 0.5
    assert statistics.differ([["a"] * 12, ["b"] * 12]) < 0.001
    assert statistics.differ([["a"], []]) is None and statistics.uneven([], values) is None


def test_the_interval_is_wilsons():
    low, high = statistics.wilson(8, 10)
    assert (round(low, 3), round(high, 3)) == (0.490, 0.943)
    assert statistics.wilson(0, 24)[0] == 0 and 0.1 < statistics.wilson(0, 24)[1] < 0.15


def test_a_slot_becomes_a_grid_of_words_and_seeds():
    request = GenerationRequest(prompt="a {tree|{red|blue} house|boat, far} by {day|night}", seed=5)
    slot = probes.slot_of(request.prompt)
    assert slot.words == ("tree", "{red|blue} house", "boat, far")
    grid = probes.grid_of(ProbeInput(request=request, count=3))
    cells = grids.cells(grid)
    assert {cell.request.prompt for cell in cells} == {
        f"a {word} by {{day|night}}" for word in slot.words
    }
    assert {cell.request.seed for cell in cells} == {5, 6, 7} and len(cells) == 9
    assert probes.slot_in(grid) == slot and slot.template == request.prompt
    for bad in ("a house", "a {house}", "a {house|tree", "a {house|house}", "a {|tree}"):
        with pytest.raises(InvalidRequest):
            probes.slot_of(bad)
    with pytest.raises(InvalidRequest, match="more than 200"):
        probes.grid_of(ProbeInput(request=request, count=70))

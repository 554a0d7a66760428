"""Specifications: what is read, and what is said of what cannot be."""

from __future__ import annotations

import pytest

from studio.datasets import enough
from studio.datasets import spec as specs
from studio.datasets.plan import plan
from studio.domain.errors import InvalidRequest, UnknownWildcard

ODD = """
name: odd names
classes:
  no: a {red|blue} house
  "Fischers Boot: rot, 'alt'": {prompt: a red boat, shape: boat, weight: 3}
  猫:
templates: ["__things__, __ground__"]
conditions:
  ground: {on a meadow: 3, in the desert: 1}
count: 200
things: [1, 2]
negatives: 0.1
"""


def no_wildcards(name):
    raise UnknownWildcard(f"no {name}")


def test_names_are_the_text_that_was_written():
    spec = specs.parse(ODD)
    assert spec.names == ("no", "Fischers Boot: rot, 'alt'", "猫")
    assert specs.parse(spec.as_yaml()) == spec


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("classes: [a", "Line 1: this is not valid YAML"),
        ("count: 3", "classes: is missing."),
        ("classes:\n  a: x\n  a: y", "Line 3: 'a' stands there twice. Take one out."),
        ("classes:\n  a: {weight: -1}", "Line 2: classes.a.weight: -1 is not allowed"),
        ("classes: {a: x}\nsteps: 0\ncuont: 3", "Line 2: steps: 0 is not allowed"),
        ("classes: {a: x}\ncuont: 3", "Line 2: cuont: unknown field. Check the spelling"),
        ("classes: {a: x, A: y}", "differ in their letters' size alone"),
        ("a: &x [1]\nb: *x", "Line 2: *x refers to another place. Write it out."),
        ("classes: {a: x}\n\nthings: [2, 1]", "Line 3: things: say the least first"),
        ("classes:\n  a: {shape: cow}", "'cow' is none of: house, tree"),
        ("classes: !!python/object:os.system {a: x}", "Line 1: 'tag:yaml.org"),
        ("[" * 500 + "]" * 500, "nested too deeply"),
    ],
)
def test_what_cannot_be_is_told_with_its_line(text, message):
    with pytest.raises(InvalidRequest) as caught:
        specs.parse(text)
    assert message in str(caught.value)


def test_a_plan_keeps_weights_shares_and_splits():
    spec = specs.parse(ODD)
    planned = list(plan(spec, no_wildcards))
    things = [thing.name for picture in planned for thing in picture.things]
    assert abs(things.count(spec.names[1]) / len(things) - 0.6) < 0.02
    assert sum(not picture.things for picture in planned) == 20
    splits = [picture.split for picture in planned]
    assert [splits.count(split) for split in ("train", "val", "test")] == [160, 20, 20]
    grounds = [picture.conditions["ground"] for picture in planned]
    assert 0.65 < grounds.count("on a meadow") / 200 < 0.85
    assert all(picture.conditions["ground"] in picture.prompt for picture in planned)
    assert len({picture.seed for picture in planned}) == 200
    empty = next(picture for picture in planned if not picture.things)
    assert empty.prompt in ("on a meadow", "in the desert")


def test_more_pictures_leave_the_first_as_they_are_and_photos_stay_in_their_split():
    spec = specs.parse(ODD)
    more = list(plan(specs.changed(spec, count=220), no_wildcards))
    assert more[:200] == list(plan(spec, no_wildcards))
    groups = [0, 1, 2, 1, 4]
    painted = plan(spec, no_wildcards, groups)
    of_group = {}
    for picture in painted:
        assert of_group.setdefault(groups[picture.source], picture.split) == picture.split


def test_a_wildcard_that_is_not_there_is_told():
    spec = specs.parse("classes: {a: an __animal__}")
    with pytest.raises(UnknownWildcard):
        list(plan(spec, no_wildcards))


def least(spec, sources=()):
    """What is said against it; "" where nothing is."""
    more = specs.changed(spec, count=enough.MOST_LOOKED_AT)
    try:
        enough.check(spec, plan(more, no_wildcards, sources), True, sources)
    except InvalidRequest as error:
        return str(error)
    return ""


def test_so_many_as_are_asked_for_at_least_are_enough_and_one_less_is_not():
    many = {f"thing {number}": "" for number in range(14)}
    for fields in ({"classes": {"a": ""}}, {"classes": many, "seed": 4}):
        spec = specs.from_fields({**fields, "count": 1})
        told = least(spec)
        assert "count: too few pictures" in told and "split: {train: 1, val: 0, test: 0}" in told
        number = int(told.partition("It takes ")[2].split()[0])
        assert least(specs.changed(spec, count=number)) == ""
        assert f"It takes {number} at least" in least(specs.changed(spec, count=number - 1))
        alone = specs.changed(spec, split={"train": 1, "val": 0, "test": 0})
        assert least(specs.changed(alone, count=number)) == ""
    assert "none in train would show thing" in least(specs.changed(alone, count=3))
    assert least(specs.changed(alone, negatives=1)) == ""


def test_three_splits_take_as_many_photos_that_differ():
    spec = specs.from_fields({"classes": {"a": ""}, "count": 50})
    told = least(spec, [0, 1])
    assert "photos: too few photos that differ: none would be in" in told
    number = int(told.partition("It takes ")[2].split()[0])
    assert f"these are 2: add {number - 2} more" in told
    assert f"add {number - 1} more" in least(spec, [0] * 40)  # all alike
    assert least(spec, range(number)) == "" != least(spec, range(number - 1))
    assert least(spec, [*range(20)]) == "" != least(spec, [0] * 20)

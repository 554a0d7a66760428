"""Prompts that are many: which they can be, how often, how many there are."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from studio.domain.dynamic_prompts import MOST_PICTURES, combinations, count, draw
from studio.domain.dynamic_syntax import Entry, named, parse_entry
from studio.domain.errors import InvalidRequest, UnknownWildcard

LISTS = {
    "animal": [Entry("cat"), Entry("dog")],
    "a/nested": [Entry("a __animal__"), Entry("{one|two} of them")],
    "round": [Entry("__about__")],
    "about": [Entry("__round__")],
    "empty": [],
}


def lists(name: str) -> list[Entry]:
    if name not in LISTS:
        raise UnknownWildcard(name)
    return LISTS[name]


@pytest.mark.parametrize(
    ("prompt", "are", "number"),
    [
        ("a {red|blue} house", "a red house/a blue house", 2),
        ("{a|{b|c} d}", "a/b d/c d", 3),
        ("{ red | blue }", "red/blue", 2),
        ("{red|}", "red/", 2),
        ("{2$$a|b}", "a, b/b, a", 2),
        ("{2$$ and $$a|b}", "a and b/b and a", 2),
        ("{1-2$$+$$a|b}", "a/b/a+b/b+a", 4),
        ("{-1$$a|b}", "a/b", 2),
        ("{9$$a}", "a", 1),
        ("{0-1$$a}", "/a", 2),
        ("{{a|b} {c}}", "{a {c}}/{b {c}}", 2),
        ("__animal__s", "cats/dogs", 2),
        ("{2$$__animal__}", "cat, dog/dog, cat", 2),
        ("__a/nested__", "a cat/a dog/one of them/two of them", 4),
        ("[a|b] {c|d} [e::5] (f:1.2)", "[a|b] c [e::5] (f:1.2)/[a|b] d [e::5] (f:1.2)", 2),
        ("{_|_}_animal__", "cat/dog", 2),
        ("} {a|b} {", "} a {/} b {", 2),
        ("<lora:{a|b}__x__:1>", "<lora:a__x__:1>/<lora:b__x__:1>", 2),
    ],
)
def test_what_it_can_be(prompt, are, number):
    drawn = {draw(prompt, seed, lists) for seed in range(60)}
    assert drawn == set(are.split("/")) and count(prompt, lists) == number
    listed = list(combinations(prompt, lists))
    assert len(listed) == number and {draw(text, 0, lists) for text in listed} <= drawn
    assert set(listed) <= drawn or "__" in "".join(listed)
    assert all(draw(text, 1, lists) == text for text in drawn)


@pytest.mark.parametrize(
    "prompt",
    [
        "a house",
        r"\{a|b\}",
        "{a",
        "a|b}",
        r"\__animal__",
        "____",
        "{a}",
        "{{a}}",
        "${}",
        "# {a|b}",
        "",
    ],
)
def test_letters_stay(prompt):
    assert draw(prompt, 3, lists) == prompt and not named(prompt)


def test_weights_say_how_often():
    heads = Counter(draw("{3::a|b}", seed, lists) for seed in range(2000))
    assert 1400 < heads["a"] < 1600
    assert {draw("{0::a|b}", seed, lists) for seed in range(50)} == {"b"}
    first = Counter(draw("{2$$98::a|1::b|1::c}", seed, lists)[0] for seed in range(500))
    assert first["a"] > 450
    assert parse_entry(" 2::cat ") == Entry("cat", 2) and parse_entry("# no") is None
    assert draw("{a|b|c|d} __animal__", 5, lists) == draw("{a|b|c|d} __animal__", 5, lists)


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("__nobody__", "nobody"),
        ("__round__", "round → about → round"),
        ("__empty__", "no lines"),
        ("{2$$a|" * 60 + "}" * 60, "nested"),
        ("{a|b}" * 600, "more than 500"),
        ("{1$$" + "long " * 4001 + "b}", "20,000"),
    ],
)
def test_what_never_ends_is_refused(prompt, words):
    with pytest.raises(InvalidRequest, match=words):
        draw(prompt, 1, lists)


def test_odd_text_is_no_error_and_what_was_drawn_stays():
    numbers = random.Random(1)
    for seed in range(4000):
        text = "".join(numbers.choices("_{}|$1:-a \\#<lora:>*\n", k=numbers.randrange(40)))
        try:
            drawn = draw(text, seed, lists)
        except UnknownWildcard:
            continue
        assert draw(drawn, seed + 1, lists) == drawn


def test_numbers_too_large_to_count_are_bounded():
    assert count("{a|b}" * 100, lists) == MOST_PICTURES
    assert count("{20$$" + "|".join("abcdefghijklmnopqrstuvwxyz") + "}", lists) == MOST_PICTURES

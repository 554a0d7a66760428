"""The prompt language: what each piece of a prompt means, whatever was typed."""

from __future__ import annotations

import json
import random
import string
from pathlib import Path

import pytest

from studio.domain.prompt_emphasis import segments
from studio.domain.prompt_schedule import after, schedule
from studio.domain.prompt_syntax import read

EXPECTED = json.loads((Path(__file__).parent / "prompts.json").read_text("utf-8"))
"""Readings of AUTOMATIC1111's own parser."""


def weighted(pieces) -> list[list]:
    """Neighbours of one weight as one, weights to five digits."""
    joined: list[list] = []
    for text, weight in pieces:
        weight = round(round(weight, 6), 5)
        if joined and joined[-1][1] == weight:
            joined[-1][0] += text
        else:
            joined.append([text, weight])
    return joined


@pytest.mark.parametrize("case", EXPECTED["segments"], ids=lambda case: case["prompt"])
def test_emphasis(case):
    found = [
        ("BREAK" if one.is_break else one.text, one.weight) for one in segments(case["prompt"])
    ]
    assert weighted(found) == weighted(case["segments"])


@pytest.mark.parametrize("case", EXPECTED["schedule"], ids=lambda case: case["prompt"])
def test_schedules(case):
    found = schedule(case["prompt"], case["steps"])
    assert [list(each) for each in found] == case["schedule"]


@pytest.mark.parametrize("case", EXPECTED["parts"], ids=lambda case: case["prompt"])
def test_several_prompts(case):
    assert [[part.text, part.weight] for part in read(case["prompt"]).parts] == case["parts"]


@pytest.mark.parametrize("case", EXPECTED["networks"], ids=lambda case: case["prompt"])
def test_networks(case):
    reading = read(case["prompt"])
    found = [
        [each.kind, each.name, each.text_encoder_weight, each.unet_weight]
        for each in reading.networks
    ]
    assert (found, reading.text) == (case["networks"], case["text"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(sky BREAK sea:1.4)", [("sky", 1.4), (None, 1.4), ("sea", 1.4)]),
        ("sky  BREAK\nsea", [("sky", 1), (None, 1), ("sea", 1)]),
        ("BREAKS, aBREAK", [("BREAKS, aBREAK", 1)]),
        ("(a:1.2.3)", [("a:1.2.3", 1.1)]),
        ("([a)]", [("a", 1)]),
        ("(a:1.5", [("a:1.5", 1.1)]),
        ("a:1.5)", [("a:1.5)", 1)]),
        ("", []),
    ],
)
def test_emphasis_where_brackets_are_odd(text, expected):
    assert [(None if s.is_break else s.text, s.weight) for s in segments(text)] == expected


@pytest.mark.parametrize(
    ("text", "steps", "expected"),
    [
        ("([a:b:3]:1.2)", 6, [(3, "(a:1.2)"), (6, "(b:1.2)")]),
        ("[a|[b:c:3]|d]", 5, [(1, "a"), (2, "b"), (3, "d"), (4, "a"), (5, "c")]),
        ("[a:b: 3 ]", 6, [(3, "a"), (6, "b")]),
        ("[a:b:-1]", 6, [(6, "b")]),
        ("[a:b:1e9]", 6, [(6, "a")]),
        ("\\[a:b:3\\]", 6, [(6, "\\[a:b:3\\]")]),
        ("[a:b:3", 6, [(6, "[a:b:3")]),
        ("[ a ( ] b:c:3]", 6, [(6, "[ a ( ] b:c:3]")]),
        ("[(a:1:2):b:3]", 6, [(6, "[(a:1:2):b:3]")]),
        ("[a:b:3] c|d", 6, [(6, "[a:b:3] c|d")]),
        ("[a|b:3]", 6, [(6, "[a|b:3]")]),
        ("[a:b:3]\\", 6, [(6, "[a:b:3]\\")]),
    ],
)
def test_schedules_where_brackets_are_odd(text, steps, expected):
    assert schedule(text, steps) == expected


def test_in_the_second_drawing_steps_count_on_and_shares_begin_at_one():
    assert schedule("[cat:dog:1.5]", 10, after(20)) == [(5, "cat"), (10, "dog")]
    assert schedule("[cat:dog:25]", 10, after(20)) == [(5, "cat"), (10, "dog")]
    assert schedule("[cat:dog:0.5]", 10, after(20)) == [(10, "dog")]


def test_comments_go_and_every_place_is_found_again():
    prompt = "a # hello\n# a whole line\nb <lora:x:0.5> red AND blue <lyco:y:te=0.3:unet=.2>:1.5"
    reading = read(prompt)
    assert reading.text == "a \nb  red AND blue :1.5"
    assert [prompt[each.start : each.end] for each in reading.networks] == [
        "<lora:x:0.5>",
        "<lyco:y:te=0.3:unet=.2>",
    ]
    assert [(part.text, part.weight) for part in reading.parts] == [
        ("a \nb  red", 1),
        ("blue", 1.5),
    ]
    assert prompt[reading.parts[1].start :].startswith("blue")


@pytest.mark.parametrize(
    ("tag", "name", "weights"),
    [
        ("<lora:a>", "a", (1, 1)),
        ("<lora:a:0.5>", "a", (0.5, 0.5)),
        ("<lora:a:0.5:0.2>", "a", (0.5, 0.2)),
        ("<lora:a:unet=0.2>", "a", (1, 0.2)),
        ("<lora:a:te=0.2>", "a", (0.2, 0.2)),
        (r"<lora:a\:b\<c\>:0.5>", "a:b<c>", (0.5, 0.5)),
    ],
)
def test_what_a_network_is_given(tag, name, weights):
    [network] = read(f"x {tag} y").networks
    assert (network.name, (network.text_encoder_weight, network.unet_weight)) == (name, weights)


@pytest.mark.parametrize(
    "text", ["a < b > c", "<3 you", "<lora>", "<lora:>", "< lora:x>", "<heart:3>"]
)
def test_what_is_no_network_is_text(text):
    reading = read(text)
    assert (reading.text, reading.networks) == (text, ())


def everything(text: str) -> None:
    for part in read(text).parts:
        for _, words in schedule(part.text, 7):
            segments(words)


def test_nothing_is_an_error():
    rng = random.Random(1)
    pieces = [*"()[]:|\\<>#., \n", "BREAK", "AND", ":1.2", "lora:", "0.5", "a", "é", "🐈"]
    letters = string.printable + "()[]:|\\" * 5
    for _ in range(5_000):
        everything("".join(rng.choices(pieces, k=rng.randrange(30))))
        everything("".join(rng.choices(letters, k=rng.randrange(30))))


@pytest.mark.parametrize(
    "text",
    [
        "(",
        "[",
        "[a:",
        "[a|b]",
        "(a",
        "<lora:",
        "<a:\\",
        "\\",
        ":",
        " AND ",
        "#\n",
        "BREAK ",
        "[a:b:1]",
    ],
)
def test_a_long_prompt_takes_no_square_of_its_length(text):
    """Twice as many as a prompt may have."""
    everything(text * (40_000 // len(text)))

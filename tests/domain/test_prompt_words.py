"""Words are found where they were typed, whatever the prompt's syntax does to them."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from studio.domain import prompt_dialects as dialects
from studio.domain.prompt_words import marked, placed

CASES = json.loads((Path(__file__).parent / "prompts.json").read_text("utf-8"))
PROMPTS = [
    case["prompt"] for kind in ("segments", "schedule", "parts", "networks") for case in CASES[kind]
]
STEPS = 20


def read(prompt: str, dialect: str):
    """[(what is read at some step, the same with marks)] of all parts."""
    with_marks = marked(prompt)
    pairs = zip(
        dialects.reading(prompt, dialect).parts,
        dialects.reading(with_marks.text, dialect).parts,
        strict=True,
    )
    for plain, other in pairs:
        texts = (dialects.schedule(part.text, dialect, STEPS) for part in (plain, other))
        for (end, text), (same_end, marks) in zip(*texts, strict=True):
            assert end == same_end
            pieces = dialects.pieces(text, "original", dialect)
            yield pieces, placed(dialects.pieces(marks, "original", dialect), with_marks)


def words(prompt: str, dialect: str = "a1111") -> list[list[tuple[str, int]]]:
    """Of each text its words, and where they stand in the prompt."""
    return [
        [(prompt[start:end], start) for _, (start, end) in found]
        for _, (_, found) in read(prompt, dialect)
    ]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a red house, (moon:1.3)", [[("a", 0), ("red", 2), ("house", 6), ("moon", 14)]]),
        ("don't; well-known 4k 50", [[("don't", 0), ("well-known", 7), ("4k", 18)]]),
        ("[cat:dog:0.5] sat", [[("cat", 1), ("sat", 14)], [("dog", 5), ("sat", 14)]]),
        ("[red:0.5] red", [[("red", 10)], [("red", 1), ("red", 10)]]),
        ("[a|b] sat", 10 * [[("a", 1), ("sat", 6)], [("b", 3), ("sat", 6)]]),
        ("sea AND sea :0.5", [[("sea", 0)], [("sea", 8)]]),
        ("one BREAK two", [[("one", 0), ("two", 10)]]),
        ("cat <lora:cat:1> cat# cat\ncat", [[("cat", 0), ("cat", 17), ("cat", 26)]]),
        (r"a \(bird\)", [[("a", 0), ("bird", 4)]]),
        ("", [[]]),
        ("50, 1e3 ...", [[]]),
    ],
)
def test_words_stand_where_they_were_typed(prompt, expected):
    assert words(prompt) == expected


def test_other_dialects_have_their_words():
    assert words("(red house)1.2 moon++ sea-", "invokeai") == [
        [("red", 1), ("house", 5), ("moon", 15), ("sea", 22)]
    ]
    assert words("embedding:soft (cat:1.2)", "comfyui") == [[("soft", 10), ("cat", 16)]]


@pytest.mark.parametrize("dialect", dialects.DIALECTS)
def test_marks_change_nothing_about_how_a_prompt_is_read(dialect):
    """And of the words each is where it was."""
    for prompt in PROMPTS:
        for pieces, (texts, found) in read(prompt, dialect):
            assert texts == tuple(piece.text for piece in pieces)
            joined = "".join(texts)
            for (start, end), (first, last) in found:
                assert joined[start:end] == prompt[first:last]
    letters = "ab ,.:|()[]<>\\#{}AND BREAK 1.5-+_'lora\n"
    for seed in range(300):
        drawn = random.Random(seed)
        prompt = "".join(drawn.choice(letters) for _ in range(60))
        for pieces, (texts, _) in read(prompt, dialect):
            assert texts == tuple(piece.text for piece in pieces), prompt


def test_a_prompt_that_has_marks_already_has_no_words():
    prompt = f"a {chr(0xF0000)} house"
    assert marked(prompt) == (prompt, prompt, ())

"""Prompts of ComfyUI and InvokeAI, as these read them."""

from __future__ import annotations

import random

import pytest

from studio.domain.prompt_dialects import DIALECTS, pieces, reading, schedule


def weighted(text: str, dialect: str) -> list[tuple[str, float]]:
    found = pieces(reading(text, dialect).text, "original", dialect)
    return [(one.text, round(one.weight, 5)) for one in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a (b) c", [("a ", 1), ("b", 1.1), (" c", 1)]),
        ("((b))", [("b", 1.21)]),
        ("(a (b:1.5) c:0.5)", [("a ", 0.5), ("b", 1.5), (" c", 0.5)]),
        ("((a:1.2) b)", [("a", 1.2), (" b", 1.1)]),
        ("(a:b:1.3)", [("a:b", 1.3)]),
        ("[a] BREAK [b:c:0.5]", [("[a] BREAK [b:c:0.5]", 1)]),
        (r"\(a\) (b\))", [("(a) ", 1), ("b)", 1.1)]),
        ("(a", [("(a", 1)]),
        ("a) (b:1.2)", [("a) (b:1.2)", 1)]),
        ("(a:x)", [("a:x", 1.1)]),
        ("a embedding:style", [("a style", 1)]),
        ("a AND b # c", [("a AND b # c", 1)]),
        ("", []),
    ],
)
def test_comfyui(text, expected):
    assert weighted(text, "comfyui") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a tall++ man", [("a ", 1), ("tall", 1.21), (" man", 1)]),
        ("a tall- man", [("a ", 1), ("tall", 0.9), (" man", 1)]),
        ("(tall man)1.3 walks", [("tall man", 1.3), (" walks", 1)]),
        ("(tall man)++, x", [("tall man", 1.21), (", x", 1)]),
        ("(a (b)1.5 c)0.5", [("a ", 0.5), ("b", 0.75), (" c", 0.5)]),
        ("a t-shirt, 5+5", [("a t-shirt, 5+5", 1)]),
        ("(a) b", [("a b", 1)]),
        (r"\(a\)", [("(a)", 1)]),
    ],
)
def test_invokeai(text, expected):
    assert weighted(text, "invokeai") == expected


@pytest.mark.parametrize("dialect", DIALECTS)
def test_nothing_is_an_error(dialect):
    rng = random.Random(2)
    letters = [*"()[]:+-.\\ a1", "1.2", "++", "embedding:", "🐈"]
    for _ in range(2_000):
        text = "".join(rng.choices(letters, k=rng.randrange(30)))
        pieces(reading(text, dialect).text, "original", dialect)
    for text in ("(", ")", "()", "a+", "(a)+", "\\"):
        pieces(text * 10_000, "original", dialect)
    assert (schedule("[a:b:1]", dialect, 4) == [(4, "[a:b:1]")]) is (dialect != "a1111")

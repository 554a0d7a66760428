"""Texts that Compel makes to one."""

from __future__ import annotations

import random

import pytest

from studio.domain.prompt_mixtures import Mixture, left_as_letters, mixture


@pytest.mark.parametrize(
    ("text", "how", "texts"),
    [
        ('("a cat", "a dog").blend(0.7, 0.3)', "blend", [("a cat", 0.7), ("a dog", 0.3)]),
        ('("a cat", "a dog").blend(1, 3)', "blend", [("a cat", 0.25), ("a dog", 0.75)]),
        ("('a', 'b').blend(1,1,no_normalize)", "blend", [("a", 1), ("b", 1)]),
        ('("a").blend(2)', "blend", [("a", 1)]),
        ('( "a++" , "(b)0.5" ).blend(1,1) ', "blend", [("a++", 0.5), ("(b)0.5", 0.5)]),
        ('("a", "b", "c").and()', "and", [("a", 1), ("b", 1), ("c", 1)]),
        ('("a", "b").and(1, -0.5)', "and", [("a", 1), ("b", -0.5)]),
        (r'("say \"hi\"", "it\'s").and()', "and", [('say "hi"', 1), ("it's", 1)]),
        ('("a", "b").blend(1)', "one", None),
        ('("a", "b").blend(1, -1)', "one", None),
        ('("a", "b").and(1, x)', "one", None),
        ('("a", "b").blend()', "one", None),
        ('("a" "b").and()', "one", None),
        ('x ("a", "b").and()', "one", None),
        ('("a", "b").and() x', "one", None),
        ("a cat", "one", None),
    ],
)
def test_what_a_prompt_is_as_a_whole(text, how, texts):
    found = mixture(text, "invokeai")
    assert found.how == how
    assert [(words, pytest.approx(weight)) for words, weight in found.texts] == (
        [(text, 1)] if texts is None else texts
    )
    for other in ("a1111", "comfyui"):
        assert mixture(text, other) == Mixture("one", ((text, 1.0),))


def test_what_is_letters_is_told():
    assert left_as_letters('a ("x", "y").blend(1, 1)', "invokeai") == ".blend(…)"
    assert left_as_letters('a "cat".swap("dog")', "invokeai") == ".swap(…)"
    assert left_as_letters('("a", "b").and()', "invokeai") is None
    assert left_as_letters('("a", "b").and(1)', "a1111") is None


def test_nothing_is_an_error_and_it_is_linear():
    rng = random.Random(1)
    letters = ["(", ")", '"', "'", ",", "\\", ".and(", ".blend(", "1", "no_normalize", " ", "a"]
    for _ in range(3_000):
        mixture("".join(rng.choices(letters, k=rng.randrange(30))), "invokeai")
    for text in ('("' + "a" * 20_000, '("a",' * 5_000, "(" + " " * 20_000, '("\\' + "\\" * 20_000):
        mixture(text, "invokeai")

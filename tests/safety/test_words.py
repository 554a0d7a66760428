"""Words that no prompt may hold, however they are written, and patterns that end in time."""

from __future__ import annotations

import time

import pytest

from studio.domain.errors import InvalidRequest, NotAllowed, TooMany
from studio.domain.request import GenerationRequest
from studio.domain.safety import SafetyRules
from studio.safety import words
from studio.safety.rates import Rates


@pytest.mark.parametrize(
    "text",
    [
        "a Gore scene",
        "a (gore:1.4) scene",
        "a go(re) scene",
        "a g[o]re scene",
        "a [gore:house:0.5] scene",
        "a ＧＯＲＥ scene",
        "a go\u200bre scene",
        "gore_scene, best",
        "one AND gore",
    ],
)
def test_a_word_is_found_however_it_is_written(text):
    assert words.found(text, ["blood", "gore"], []).rule == "word 2"


def test_a_word_is_a_whole_word_and_a_phrase_may_be_one():
    assert words.found("Gorecki conducts, categories", ["gore"], []) is None
    assert words.found("a severed   Head", ["severed head"], []).word == "severed head"
    assert words.found("c++ code", ["c++"], []).rule == "word 1"


def test_all_prompts_are_read_and_negative_ones_where_the_owner_wants_it():
    rules = SafetyRules(forbidden_words=("gore",))
    words.check(GenerationRequest(prompt="a house", negative_prompt="gore"), rules)
    strict = rules.model_copy(update={"forbidden_in_negative": True})
    with pytest.raises(NotAllowed, match="word 1") as refused:
        words.check(GenerationRequest(prompt="a house", negative_prompt="gore"), strict)
    assert refused.value.field == "negative_prompt"
    detailed = GenerationRequest(
        prompt="a face", detailers=({"detector": "Faces (BlazeFace)", "prompt": "gore"},)
    )
    with pytest.raises(NotAllowed) as refused:
        words.check(detailed, rules)
    assert refused.value.field == "detailers.0.prompt"


def test_a_pattern_that_never_ends_is_given_up_and_refuses():
    began_s = time.process_time()
    hit = words.found("a" * 5000 + "!", [], [r"(a|a)*b", r"^(a+)+$"])
    assert hit.rule in ("pattern 1", "pattern 2") and hit.word == ""
    assert "in time" in hit.message
    assert time.process_time() - began_s < 5
    assert words.found("nr. 42 here", [], [r"\bnr\. \d+"]).word == "nr. 42"
    with pytest.raises(InvalidRequest, match="no regular expression"):
        words.compiled("(")


def test_an_account_draws_so_many_an_hour():
    now = [0.0]
    rates = Rates(lambda: now[0])
    rates.take("ann", 3, 4)
    rates.take("bo", 4, 4)
    with pytest.raises(TooMany, match="in 60 minutes"):
        rates.take("ann", 2, 4)
    rates.take("ann", 1, 4)
    now[0] = 3600
    rates.take("ann", 4, 4)
    with pytest.raises(TooMany, match="Ask for fewer"):
        rates.take("cy", 5, 4)

"""A prompt under the lens, over HTTP, for the embedded model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from studio.settings import assets_dir

EXPECTED = json.loads((Path(__file__).parents[1] / "domain" / "prompts.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def look(shared):
    shared.studio.words.warm_up(shared.studio.default_checkpoint)  # imports outlast a request

    def look(prompt: str, **fields) -> dict:
        answer = shared.http.post("/studio/v1/prompt", json={"prompt": prompt} | fields)
        return answer.raise_for_status().json()

    return look


def test_the_answer_has_what_was_asked_for(look):
    for case in EXPECTED["schedule"]:
        assert look(case["prompt"], steps=case["steps"])["schedule"] == case["schedule"]
    for case in EXPECTED["parts"]:
        assert look(case["prompt"])["parts"] == case["parts"]
    for case in EXPECTED["networks"]:
        seen = look(case["prompt"])
        assert (seen["networks"], seen["text"]) == (case["networks"], case["text"])
    assert look("a (b:1.2) BREAK c")["segments"] == [["a ", 1], ["b", 1.2], ["BREAK", -1], ["c", 1]]


def test_a_lora_teaches_its_trigger_words(look, shared):
    words = "a wombat and a quokka"
    assert look(words)["unknown"] == ["wombat", "quokka"]
    file = shared.studio.settings.downloads_dir / "loras" / "taught.safetensors"
    file.parent.mkdir(parents=True, exist_ok=True)
    weights = load_file(assets_dir() / "models/loras/blueprint.safetensors")
    save_file(weights, file, {"modelspec.trigger_phrase": "Wombat town"})
    shared.http.post("/studio/v1/models/refresh").raise_for_status()
    try:
        assert look(words, loras=["taught", "none"])["unknown"] == ["quokka"]
        seen = look(f"{words} <lora:taught:1>")
        assert seen["unknown"] == ["quokka"]
        assert [one["name"] for one in seen["marks"] if one["kind"] == "unknown"] == ["quokka"]
    finally:
        file.unlink()
        shared.http.post("/studio/v1/models/refresh").raise_for_status()


def test_tokens_are_counted_and_words_that_were_never_learnt_are_told(look):
    seen = look("a red house riding a quokka, <lora:blueprint:0.5>")
    assert seen["unknown"] == ["riding", "quokka"] and seen["loras"] == ["blueprint"]
    assert seen["chunks"] == 1 and 7 < seen["tokens"] < 20 and seen["negative_tokens"] == 0
    assert look("red " * 80)["chunks"] == 2
    assert look("red BREAK blue")["chunks"] == 2
    assert (look("[red:red red red:3]")["tokens"], look("")["tokens"]) == (3, 0)
    assert look("a red house")["warnings"] == []


@pytest.mark.parametrize(
    ("prompt", "words"),
    [("<lora:blueprin:1>", "blueprint"), ("(time 12:30)", "30 times")],
)
def test_traps_are_told(look, prompt, words):
    [warning] = look(prompt)["warnings"]
    assert words in warning


def test_prompts_of_several_texts_are_read_one_by_one(look):
    blend = look('("a red++ house", "a boat").blend(1, 1)', prompt_dialect="invokeai")
    assert blend["segments"] == [["a ", 1], ["red", 1.21], [" house", 1], ["a boat", 1]]
    assert blend["tokens"] == look("a red house")["tokens"] and blend["warnings"] == []
    [warning] = look('a "cat".swap("dog")', prompt_dialect="invokeai")["warnings"]
    assert ".swap(…) is read as letters" in warning


def test_bad_input_is_refused(shared):
    for body in (
        {},
        {"prompt": "x" * 20_001},
        {"prompt": "a", "steps": 0},
        {"prompt": "a", "b": 1},
    ):
        assert shared.http.post("/studio/v1/prompt", json=body).status_code == 422
    answer = shared.http.post("/studio/v1/prompt", json={"prompt": "a", "checkpoint": "nobody's"})
    assert answer.status_code == 422 and "picturebook" in answer.json()["message"]


def test_what_a_prompt_names_is_told_with_its_place(look):
    prompt = (
        "🦊 a quokka, <lora:blueprint:0.5:0.7> # quokka\n__picturebook/skies__ "
        "{quokka|a cat} __no__ <lora:none> <hypernet:h:2>"
    )
    seen = look(prompt, negative_prompt="(quokka:1.2)")
    marks = [
        (one["kind"], prompt[one["start"] : one["end"]], one["known"], one["weight"])
        for one in seen["marks"]
    ]
    assert marks == [
        ("unknown", "quokka", False, None),
        ("lora", "<lora:blueprint:0.5:0.7>", True, 0.7),
        ("wildcard", "__picturebook/skies__", True, None),
        ("unknown", "quokka", False, None),
        ("wildcard", "__no__", False, None),
        ("lora", "<lora:none>", False, 1.0),
        ("hypernet", "<hypernet:h:2>", False, 2.0),
    ]
    assert seen["negative_unknown"] == ["quokka"]
    assert [(one["start"], one["end"]) for one in seen["negative_marks"]] == [(1, 7)]
    assert look("a red house")["marks"] == []
    assert look("a (red:1.25) house, [sea:snow:0.75]")["unknown"] == []
    for half in ("<lora", "<lora:bluepr", "<lora:xyzzy:0."):
        assert look(f"a red quokka {half}")["unknown"] == ["quokka"], half

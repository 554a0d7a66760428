"""Lines of a text as requests: prompts, and flags as AUTOMATIC1111 has them."""

from __future__ import annotations

import pytest

from studio.domain.errors import InvalidRequest
from studio.domain.prompt_lines import LinesInput, requests
from studio.domain.request import GenerationRequest

REQUEST = GenerationRequest(prompt="by night", negative_prompt="dull", steps=9, batch_size=2)


def drawn(text, request=REQUEST, **given):
    return requests(LinesInput(request=request, text=text, **given))


def test_each_line_is_a_prompt_with_what_is_the_same_for_all():
    found = drawn("\n a red house \r\n\r\na -- b's cat\n")
    assert [one.prompt for one in found] == ["a red house", "a -- b's cat"]
    assert {(one.negative_prompt, one.steps, one.seed) for one in found} == {("dull", 9, -1)}


def test_flags_say_what_is_different():
    [one] = drawn(
        "--prompt a cat, 'in a hat' --negative_prompt \"it's dark\" --steps 20 --cfg-scale 7.5 "
        '--sampler_name "DPM++ 2M Karras" --seed 3 --subseed 4 --subseed_strength 0.5 '
        "--width 64 --height 128 --batch_size 3 --tiling true --styles Linocut,Ink --sd_model x"
    )
    assert one == GenerationRequest(
        prompt="a cat, in a hat",
        negative_prompt="it's dark",
        steps=20,
        guidance_scale=7.5,
        scheduler="DPM++ 2M",
        noise_schedule="karras",
        seed=3,
        variation_seed=4,
        variation_strength=0.5,
        width=64,
        height=128,
        batch_size=3,
        tiling="both",
        styles=("Linocut", "Ink"),
        checkpoint="x",
    )
    changing = GenerationRequest(task={"kind": "image_to_image", "image": "input:a"})
    assert drawn("--denoising_strength 0.3", changing)[0].task.strength == 0.3


def test_prompts_join_those_of_the_request():
    assert [one.prompt for one in drawn("a cat\n--steps 3", insert="before")] == [
        "a cat by night",
        "by night",
    ]
    [one] = drawn("--prompt a cat --negative_prompt dark", insert="after")
    assert (one.prompt, one.negative_prompt) == ("by night a cat", "dull dark")


def test_seeds_are_their_own_the_same_or_counting():
    assert len({one.seed for one in drawn("a\nb\nc", seeds="same")}) == 1
    fixed = REQUEST.model_copy(update={"seed": 5})
    assert [one.seed for one in drawn("a\nb\n--seed 1\nd", fixed, seeds="counting")] == [
        5,
        7,
        1,
        11,
    ]
    assert [one.seed for one in drawn("a\nb", fixed)] == [5, 5]
    counted = drawn("a\nb", seeds="counting")
    assert counted[1].seed == counted[0].seed + 2 >= 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no lines"),
        ("a\n" * 201, "201 lines .* 200 that may wait"),
        ("a\n\n--restore_faces true", "line 3: '--restore_faces' is no flag .* --prompt, "),
        ("--steps", "line 1: --steps has no value"),
        ("--steps 3 4", "line 1: --steps has more than one value: '3 4'"),
        ("--steps many", "line 1: steps: 'many' is not allowed, it must be a whole number from 1"),
        ("a\n--prompt it's dark", "line 2: no closing quotation"),
        ("--denoising_strength 0.3", "line 1: .*strength"),
        ("--sampler_name Nobody", "line 1: scheduler"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text, says):
    with pytest.raises(InvalidRequest, match=says):
        drawn(text)

"""The request: ranges, messages, settling, and its file form."""

from __future__ import annotations

import json
import math

import pytest
from pydantic import ValidationError

from studio.domain.errors import EngineError, InvalidRequest, OutOfMemory, named
from studio.domain.noise_schedules import NOISE_SCHEDULES
from studio.domain.request import GenerationRequest
from studio.domain.schedulers import SCHEDULERS
from studio.domain.seeds import MAX_SEED
from studio.families.stable_diffusion.family import PICTUREBOOK, SD1


@pytest.mark.parametrize(
    ("field", "least", "most"),
    [
        ("steps", 1, 150),
        ("guidance_scale", 1.0, 30.0),
        ("guidance_rescale", 0.0, 1.0),
        ("width", 64, 2048),
        ("height", 64, 2048),
        ("seed", -1, MAX_SEED),
        ("batch_size", 1, 16),
        ("variation_seed", 0, MAX_SEED),
        ("variation_strength", 0.0, 1.0),
        ("clip_skip", 1, 12),
    ],
)
def test_ranges_hold_and_messages_name_field_value_and_range(field, least, most):
    step = 8 if field in ("width", "height") else 1
    for value in (least, most):
        other = {"scheduler": "Euler"} if field == "steps" else {}
        assert getattr(GenerationRequest(**{field: value} | other), field) == value
    for value in (least - step, most + step):
        with pytest.raises(InvalidRequest) as refused:
            GenerationRequest.parse({field: value})
        message = str(refused.value)
        assert message.startswith(f"{field}: {value}")
        assert f"{least:g}" in message or str(least) in message
        assert f"{most:g}" in message or str(most) in message


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_guidance_is_a_number(value):
    with pytest.raises(InvalidRequest, match="guidance_scale"):
        GenerationRequest.parse({"guidance_scale": value})


def test_sizes_are_multiples_of_8():
    with pytest.raises(InvalidRequest, match="width: 100 .*8"):
        GenerationRequest.parse({"width": 100})


def test_every_wrong_field_is_named_at_once():
    with pytest.raises(InvalidRequest) as refused:
        GenerationRequest.parse({"steps": 0, "colour": "red", "seed": -2})
    assert all(name in str(refused.value) for name in ("steps", "colour", "seed"))


def test_messages_do_not_repeat_a_long_value():
    with pytest.raises(InvalidRequest) as refused:
        GenerationRequest.parse({"steps": "x" * 100_000, "scheduler": "y" * 50_000})
    assert len(str(refused.value)) < 2000


@pytest.mark.parametrize(("count", "words"), [(60, "And 40 more."), (1000, "1000 fields are more")])
def test_messages_do_not_repeat_all_wrong_fields(count, words):
    with pytest.raises(InvalidRequest, match=words) as refused:
        GenerationRequest.parse({f"{n} {'x' * 1000}": n for n in range(count)})
    assert len(str(refused.value)) < 5000


def test_frozen():
    request = GenerationRequest()
    with pytest.raises(ValidationError):
        request.steps = 3
    with pytest.raises(ValidationError):
        request.task.kind = "inpaint"


def test_json_round_trip_keeps_everything():
    request = GenerationRequest(
        prompt='日本 "quoted" \\ \n 🏯',
        negative_prompt="mountains",
        checkpoint="m",
        scheduler="Euler a",
        steps=33,
        guidance_scale=6.25,
        guidance_rescale=0.35,
        width=640,
        height=72,
        seed=MAX_SEED,
        batch_size=3,
        clip_skip=2,
    )
    assert GenerationRequest.model_validate_json(request.model_dump_json()) == request
    assert GenerationRequest.parse(request.model_dump_json().encode()) == request
    assert GenerationRequest.parse(json.loads(request.model_dump_json())) == request


def test_settled_fixes_what_was_open_and_nothing_else():
    request = GenerationRequest(prompt="a", width=320)
    settled = request.settled("some model", SD1)
    assert (settled.checkpoint, settled.width, settled.height) == ("some model", 320, 512)
    assert 0 <= settled.seed < 2**32
    assert (
        settled.settled("other", PICTUREBOOK).model_copy(update={"checkpoint": "some model"})
        == settled
    )
    assert request.seed == -1
    assert len({request.settled("m", SD1).seed for _ in range(20)}) == 20
    assert GenerationRequest(seed=0).settled("m", SD1).seed == 0


@pytest.mark.parametrize("name", SCHEDULERS)
def test_what_cannot_sample_is_refused_with_the_reason(name):
    spec = SCHEDULERS[name]
    for schedule in NOISE_SCHEDULES:
        possible = spec.noise_schedule(schedule) in spec.noise_schedules
        fields = {"scheduler": name, "noise_schedule": schedule, "steps": 50}
        if possible:
            assert GenerationRequest.parse(fields).scheduler == name
        else:
            with pytest.raises(InvalidRequest, match="noise schedule"):
                GenerationRequest.parse(fields)
    for steps in range(1, 20):
        objection = spec.objection("automatic", steps)
        fields = {"scheduler": name, "steps": steps}
        if objection is None:
            assert GenerationRequest.parse(fields).steps == steps
        else:
            with pytest.raises(InvalidRequest, match="at least"):
                GenerationRequest.parse(fields)


def test_errors_cross_threads_by_name():
    assert type(named("OutOfMemory", "too large")) is OutOfMemory
    assert str(named("OutOfMemory", "too large")) == "too large"
    for foreign in ("ZeroDivisionError", "Path", "explain", ""):
        assert type(named(foreign, "x")) is EngineError


@pytest.mark.parametrize(
    ("text", "name", "weight", "text_encoder_weight"),
    [
        ("blueprint", "blueprint", 1.0, None),
        ("blueprint:0.8", "blueprint", 0.8, None),
        ("blueprint:.5:1", "blueprint", 0.5, 1.0),
        ("blueprint:-1", "blueprint", -1.0, None),
        ("blueprint:+1e-1", "blueprint", 0.1, None),
        ("with space v1.5:2", "with space v1.5", 2.0, None),
        ("a:b:0.5", "a:b", 0.5, None),
        ("a:b:c:0.5:2", "a:b:c", 0.5, 2.0),
        ("0.5", "0.5", 1.0, None),
        ("日本:0.5", "日本", 0.5, None),
        (r"a\:0.8", "a:0.8", 1.0, None),
        (r"a\:0.8:0.5:2", "a:0.8", 0.5, 2.0),
        (r"dir\ink:2", r"dir\ink", 2.0, None),
        ("<z>:0.5", "<z>", 0.5, None),
        ("x, y:0.5", "x, y", 0.5, None),
    ],
)
def test_a_lora_as_text(text, name, weight, text_encoder_weight):
    (lora,) = GenerationRequest.parse({"loras": [text]}).loras
    assert (lora.name, lora.weight, lora.text_encoder_weight) == (name, weight, text_encoder_weight)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "needs a name"),
        (":0.5", "needs a name"),
        (" :1", "needs a name"),
        ("blueprint:", "after 'blueprint:' a weight is missing"),
        ("blueprint:0.5:", "a weight is missing"),
        ("blueprint:abc", "'abc' is not a weight"),
        ("blueprint:nan", "'nan' is not a weight"),
        ("blueprint:inf", "'inf' is not a weight"),
        ("blueprint:0.5:abc", "'abc' is not a weight"),
        ("blueprint:1e999", "weight"),
        ("blueprint:11", "weight"),
        ("blueprint:0.5:-11", "text_encoder_weight"),
        ("x" * 2000, "name"),
        (":" * 200_000, "name"),
    ],
)
def test_a_lora_as_text_that_is_no_lora(text, words):
    with pytest.raises(InvalidRequest, match="loras") as refused:
        GenerationRequest.parse({"loras": [text]})
    message = str(refused.value)
    assert words in message and "\n" not in message and len(message) < 300


@pytest.mark.parametrize("weight", [math.nan, math.inf, -10.5, "much", None])
def test_a_loras_weight_is_a_number_in_range(weight):
    for field in ("weight", "text_encoder_weight"):
        if field == "weight" or weight is not None:
            with pytest.raises(InvalidRequest, match=f"loras.0.{field}"):
                GenerationRequest.parse({"loras": [{"name": "x", field: weight}]})


def test_forty_loras_are_too_many():
    with pytest.raises(InvalidRequest, match="loras.*32") as refused:
        GenerationRequest.parse({"loras": [f"look-{n}" for n in range(40)]})
    assert len(str(refused.value)) < 300


def test_a_picture_of_a_batch_has_seeds_of_its_own():
    batch = GenerationRequest(seed=5, batch_size=4, batch_place=2)
    assert [batch.seed_at(place) for place in range(4)] == [5, 6, 7, 8]
    assert batch.variation_seed_at(2) is None
    assert batch.alone() == GenerationRequest(seed=7)
    varied = GenerationRequest(seed=5, batch_size=4, variation_strength=0.2, variation_seed=90)
    assert [(varied.seed_at(k), varied.variation_seed_at(k)) for k in (0, 3)] == [(5, 90), (5, 93)]
    assert varied.alone() == varied
    alone = varied.model_copy(update={"batch_place": 3}).alone()
    assert (alone.seed, alone.variation_seed, alone.batch_size) == (5, 93, 1)


def test_seeds_are_drawn_where_they_are_needed_alone():
    assert GenerationRequest(seed=5, variation_seed=9).with_seed().variation_seed is None
    drawn = {GenerationRequest(variation_strength=0.1).with_seed() for _ in range(3)}
    assert len({one.seed for one in drawn}) == len({one.variation_seed for one in drawn}) == 3
    for field, other in (("width", "height"), ("height", "width")):
        with pytest.raises(InvalidRequest, match=f"seed_resize_from_{other}.*Give both"):
            GenerationRequest.parse({f"seed_resize_from_{field}": 64})
    assert GenerationRequest().seed_resize_from is None

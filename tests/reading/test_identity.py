"""Infotext of ours, read back: every field that it holds is what it was, whatever stands in it."""

from __future__ import annotations

import random

import pytest

from studio.domain import infotext
from studio.domain.control import CONTROL_MODES
from studio.domain.detailers import ORDERS
from studio.domain.errors import InvalidRequest
from studio.domain.noise_schedules import NOISE_SCHEDULES
from studio.domain.preprocessors import find
from studio.domain.prompt_dialects import DIALECTS
from studio.domain.prompt_emphasis import EMPHASES
from studio.domain.request import GenerationRequest
from studio.domain.sampling import SAMPLING
from studio.domain.schedulers import SCHEDULERS
from studio.domain.seeds import MAX_SEED
from studio.domain.stages import UPSCALERS
from studio.domain.tasks import AREAS, MASKED_CONTENTS
from studio.families.stable_diffusion.family import PICTUREBOOK
from studio.reading.reader import Reader
from tests.reading.shelf import Shelf, why

PIECES = [
    *("a fox", "Steps: 3, Seed: 4, Size: 5x5", "\n", " ", ",", ":", '"', "\\", "\\n", "<", ">"),
    *("Negative prompt: fog", "\nNegative prompt:", "<lora>", "(x:1.2)", "[a|b]", "BREAK"),
    *("512x768", "ü", "城", "🐈", "\t", "\r", "{", "}", '{"a": 1}', "X: 5", "Hashes: {", "Ã©"),
]


def text(rng: random.Random) -> str:
    return "".join(rng.choices(PIECES, k=rng.randrange(0, 6)))


def name(rng: random.Random) -> str:
    """Of a model: as strange as files may be called."""
    return text(rng).strip() or "model"


def number(rng: random.Random, low: float, high: float) -> float:
    return rng.choice([low, high, round(rng.uniform(low, high), 2), rng.uniform(low, high)])


def some(rng: random.Random, **fields: object) -> dict[str, object]:
    """Each of `fields`, a value or a function that makes one, now and then."""
    return {key: make(rng) for key, make in fields.items() if rng.random() < 0.4}


SAMPLED = {
    "scheduler": lambda r: r.choice(list(SCHEDULERS)),
    "noise_schedule": lambda r: r.choice(list(NOISE_SCHEDULES)),
    "steps": lambda r: r.randrange(1, 151),
    "guidance_scale": lambda r: number(r, 1, 30),
    "guidance_rescale": lambda r: number(r, 0, 1),
    "approximate": lambda r: r.random() < 0.5,
    "clip_skip": lambda r: r.randrange(1, 13),
    "emphasis": lambda r: r.choice(list(EMPHASES)),
    "prompt_dialect": lambda r: r.choice(list(DIALECTS)),
    "eta": lambda r: number(r, 0, 1),
    "s_churn": lambda r: number(r, 0, 100),
    "s_tmin": lambda r: number(r, 0, 10),
    "s_tmax": lambda r: number(r, 0, 1000),
    "s_noise": lambda r: number(r, 0, 1.1),
}


def test_no_field_of_a_drawing_is_left_out_here():
    assert SAMPLED.keys() == set(SAMPLING)


def sampling(rng: random.Random) -> dict[str, object]:
    return some(rng, **SAMPLED)


def lora(rng: random.Random) -> dict[str, object]:
    weights = some(
        rng, weight=lambda r: number(r, -10, 10), text_encoder_weight=lambda r: number(r, -10, 10)
    )
    return {"name": name(rng)} | weights


def hires(rng: random.Random) -> dict[str, object]:
    size = {"factor": number(rng, 1, 2)}
    if rng.random() < 0.3:
        size = some(rng, width=lambda r: r.randrange(16, 65) * 8) or {"height": 512}
    words = some(rng, prompt=text, negative_prompt=text, checkpoint=name)
    other = some(rng, upscaler=lambda r: r.choice(UPSCALERS), strength=lambda r: number(r, 0, 1))
    return size | words | other | sampling(rng)


def task(rng: random.Random) -> dict[str, object]:
    kind = rng.choice(["image_to_image", "inpaint", "outpaint", "details"])
    if kind == "details":
        return {"kind": kind, "image": "input:" + "a" * 32}
    fields = some(rng, strength=lambda r: number(r, 0, 1), color_correction=lambda r: True)
    if kind == "outpaint":
        sides = some(rng, left=lambda r: r.randrange(1, 999), bottom=lambda r: r.randrange(1, 99))
        fields |= sides or {"aspect_ratio": "16:9"}
        fields |= some(rng, feather=lambda r: r.randrange(0, 65))
    else:
        fields |= some(rng, resize_mode=lambda r: r.choice(["crop_and_resize", "latent_upscale"]))
        fields |= some(rng, sketch=lambda r: "input:" + "d" * 32)
    if kind == "inpaint":
        fields |= {"mask": "input:" + "b" * 32} | some(
            rng,
            invert=lambda r: True,
            soft=lambda r: True,
            mask_blur=lambda r: r.randrange(0, 65),
            mask_grow=lambda r: r.randrange(-64, 65),
            masked_content=lambda r: r.choice(list(MASKED_CONTENTS)),
        )
        if fields.get("masked_content", "original") != "original":
            fields.pop("sketch", None)
        if rng.random() < 0.5:
            fields |= {"area": list(AREAS)[1], "padding": rng.randrange(0, 257)}
    return {"kind": kind, "image": "input:" + "a" * 32} | fields


def unit(rng: random.Random) -> dict[str, object]:
    fields = some(
        rng,
        scale=lambda r: number(r, 0.01, 2),
        start=lambda r: number(r, 0, 0.4),
        end=lambda r: number(r, 0.5, 1),
        mode=lambda r: r.choice(list(CONTROL_MODES)),
        resize_mode=lambda r: r.choice(["just_resize", "resize_and_fill"]),
        resolution=lambda r: r.randrange(64, 2049),
    )
    if rng.random() < 0.5:
        fields |= {"preprocessor": "canny", "settings": {"low_threshold": rng.randrange(1, 256)}}
    return {"controlnet": name(rng), "image": "input:" + "c" * 32} | fields


def detailer(rng: random.Random) -> dict[str, object]:
    fields = some(
        rng,
        classes=text,
        negative_prompt=text,
        confidence=lambda r: number(r, 0, 1),
        strength=lambda r: number(r, 0, 1),
        min_size=lambda r: number(r, 0, 0.4),
        max_size=lambda r: number(r, 0.5, 1),
        count=lambda r: r.randrange(101),
        order=lambda r: r.choice(ORDERS),
        padding=lambda r: r.randrange(257),
        mask_grow=lambda r: r.randrange(-128, 129),
        mask_blur=lambda r: r.randrange(65),
        steps=lambda r: r.randrange(151),
        guidance_scale=lambda r: number(r, 1, 30),
        only=lambda r: [r.randrange(100) for _ in range(3)],
    )
    words = {"prompt": text(rng)} if rng.random() < 0.5 else {"loras": [lora(rng)]}
    return {"detector": name(rng)} | words | fields


def request(rng: random.Random) -> GenerationRequest:
    """One that can be; steps and samplers are drawn until they go together."""
    while True:
        fields = {"prompt": text(rng), "negative_prompt": text(rng)} | sampling(rng)
        fields |= some(
            rng,
            width=lambda r: r.randrange(8, 257) * 8,
            height=lambda r: r.randrange(8, 257) * 8,
            seed=lambda r: r.choice([0, MAX_SEED - 16, r.randrange(MAX_SEED - 16)]),
            batch_size=lambda r: r.randrange(1, 17),
            variation_strength=lambda r: number(r, 0, 1),
            variation_seed=lambda r: r.randrange(MAX_SEED - 16),
            vae=name,
            loras=lambda r: [lora(r) for _ in range(r.randrange(1, 4))],
            controls=lambda r: [unit(r) for _ in range(r.randrange(1, 3))],
            refiner=lambda r: {"checkpoint": name(r), "switch_at": number(r, 0, 1)},
            detailers=lambda r: [detailer(r) for _ in range(r.randrange(1, 9))],
        )
        if rng.random() < 0.3:
            for side in ("width", "height"):
                fields[f"seed_resize_from_{side}"] = rng.randrange(1, 257) * 8
        if rng.random() < 0.6:
            fields |= {"hires": hires(rng)} if rng.random() < 0.5 else {"task": task(rng)}
        try:
            return GenerationRequest.parse(fields).settled(name(rng), PICTUREBOOK)
        except InvalidRequest:
            continue


def held(one: GenerationRequest) -> dict[str, object]:
    """What of it infotext holds, in one form: no pictures, nothing that changes no picture."""
    spec = SCHEDULERS[one.scheduler]
    told = one.model_dump(mode="json")
    told["noise_schedule"] = spec.noise_schedule(one.noise_schedule)
    for field, default in (("eta", None), ("s_churn", 0), ("s_noise", 1)):
        told[field] = told[field] if field in spec.honours else default
    stirs = told["s_churn"] > 0
    told["s_tmin"], told["s_tmax"] = (told["s_tmin"], told["s_tmax"]) if stirs else (0, None)
    for each in [*told["loras"], *(lora for one in told["detailers"] for lora in one["loras"])]:
        if each["text_encoder_weight"] == each["weight"]:
            each["text_encoder_weight"] = None
    if hires := told["hires"]:
        if hires["width"] or hires["height"]:
            hires["factor"] = None
        second = SCHEDULERS[hires["scheduler"] or one.scheduler]
        hires["scheduler"] = second.name
        schedule = one.hires.noise_schedule or one.noise_schedule
        hires["noise_schedule"] = second.noise_schedule(schedule)
    for each in told["controls"]:
        each["settings"] = find(each["preprocessor"]).settled(each["settings"])
    return told


def read_back(one: GenerationRequest, place: int) -> GenerationRequest:
    """The request that the infotext of its picture `place` comes to, its pictures put in."""
    reader = Reader(Shelf(everything=True), lambda request: None)
    reading = reader.read(infotext.write(one, place))
    assert reading.source == "studio"
    assert not why(reading), reading.ignored
    assert {entry.kind for entry in reading.missing} <= {"image"}
    fields = dict(reading.request)
    for field in reading.awaits.get("controls", ()):
        fields.setdefault("controls", []).append(field | {"image": "input:" + "c" * 32})
    if "task" in reading.awaits:
        pictures = {"image": one.task.image}
        pictures |= {"mask": one.task.mask} if hasattr(one.task, "mask") else {}
        pictures |= {"sketch": one.task.sketch} if hasattr(one.task, "sketch") else {}
        fields["task"] = reading.awaits["task"] | pictures
    return GenerationRequest.model_validate(fields)


@pytest.mark.parametrize("seed", range(8))
def test_infotext_read_back_is_the_request(seed):
    rng = random.Random(seed)
    for _ in range(60):
        one = request(rng)
        place = rng.randrange(one.batch_size)
        if one.batch_size > 1:
            one = one.model_copy(update={"batch_place": place})
        assert held(read_back(one, place)) == held(one), infotext.write(one, place)

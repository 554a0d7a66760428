"""What a prompt says besides its words is in the picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from studio.catalog.prompts import with_networks_taken_out
from studio.catalog.settle import settle
from studio.domain.errors import InvalidRequest, UnknownModel
from studio.domain.loras import LoraInput
from studio.domain.request import GenerationRequest
from tests.engine.running import pictures
from tests.models_in_memory import catalog, engine, manager, picturebook

SMALL = {"steps": 3, "seed": 5, "width": 64, "height": 64, "scheduler": "Euler"}


@pytest.fixture(scope="module")
def draws():
    """Prompt -> the picture's levels."""
    real = engine()
    made: dict[str, np.ndarray] = {}

    def draw(prompt: str, **fields) -> np.ndarray:
        [image] = pictures(real, prompt=prompt, **(SMALL | fields))
        return made.setdefault(f"{prompt} {fields}", np.asarray(image).astype(int))

    return draw


@pytest.mark.parametrize(
    "prompt",
    [
        "[a cat:a red house:0] at night",
        "[a red house:a cat:1.0] at night",
        "[a red house:a cat:3] at night",
        "a red house at night# a comment",
        "[:a red house:-1] at night",
        "(a red house at night:1)",
        "[(a red house at night)]",
    ],
)
def test_what_comes_to_the_same_words_is_the_same_picture(draws, prompt):
    assert np.array_equal(draws(prompt), draws("a red house at night"))


def test_a_schedule_begins_with_one_text_and_ends_with_another(draws):
    one, other = draws("a red house at night"), draws("a blue boat at night")
    changing = draws("[a red house:a blue boat:1] at night")
    alternating = draws("[a red house|a blue boat] at night")
    assert len({picture.tobytes() for picture in (one, other, changing, alternating)}) == 4


def test_several_prompts_count_by_their_weights(draws):
    alone = draws("a red house at night")
    assert abs(draws("a red house at night AND a blue boat:0") - alone).max() <= 1
    both = draws("a red house at night AND a blue boat:0.7")
    assert abs(both - alone).max() > 20
    unguided = draws("a red house at night", guidance_scale=1)
    assert abs(draws("a red house at night AND a cat:0", guidance_scale=1) - unguided).max() <= 1


def test_emphasis_is_read_as_it_is_asked_for(draws):
    plain, strong = draws("a red house, moon"), draws("a red house, (moon:1.5)")
    assert not np.array_equal(strong, plain)
    assert np.array_equal(draws("a red house, (moon:1.5)", emphasis="ignore"),
                          draws("a red house, [[moon]]", emphasis="ignore"))  # fmt: skip
    kinds = {
        draws("a red house, (moon:1.5)", emphasis=kind).tobytes() for kind in ("none", "no_norm")
    }
    assert len(kinds | {strong.tobytes()}) == 3


def test_a_weight_makes_the_moon_grow():
    """Of eight pictures, the part of the sky that is as bright and yellow as the moon."""

    def moon(words: str) -> float:
        prompt = f"a red house at night with {words}"
        drawn = pictures(engine(), prompt=prompt, seed=100, batch_size=8, steps=10)
        skies = np.stack([np.asarray(picture)[:56].astype(int) for picture in drawn])
        return ((skies[..., 0] > 180) & (skies[..., 1] > 150)).mean()

    assert moon("(moon:1.3)") > 1.1 * moon("moon")


def test_networks_in_the_prompt_are_the_requests_own():
    asked = GenerationRequest(prompt="a house, <lora:blueprint:0.8>", loras=("tiny:0.2",))
    found = with_networks_taken_out(asked)
    assert found.prompt == "a house,"
    assert found.loras == (
        LoraInput(name="tiny", weight=0.2),
        LoraInput(name="blueprint", weight=0.8),
    )
    settled = settle(catalog(), GenerationRequest(prompt="<lyco:Blueprint:0.5:0.3>a house", seed=1))
    [lora] = settled.loras
    assert (lora.name, lora.weight, lora.text_encoder_weight) == ("blueprint", 0.3, 0.5)


@pytest.mark.parametrize(
    ("fields", "error", "words"),
    [
        ({"prompt": "<lora:blueprin:1>"}, UnknownModel, "prompt: '<lora:blueprin:1>': 'blue"),
        ({"prompt": "<lora:blueprint>", "loras": ["nix"]}, UnknownModel, "loras.0: 'nix'"),
        ({"prompt": "<hypernet:x:1>"}, InvalidRequest, "hypernet"),
        ({"prompt": "<lora:blueprint:much>"}, InvalidRequest, "much"),
        ({"prompt": "<lora:blueprint:99>"}, InvalidRequest, "10"),
        ({"negative_prompt": "<lora:blueprint:1>"}, InvalidRequest, "belongs into the prompt"),
        ({"hires": {"prompt": "<lora:blueprint:1>"}}, InvalidRequest, "both drawings"),
    ],
)
def test_networks_that_cannot_be_are_refused(fields, error, words):
    with pytest.raises(error, match=words):
        settle(catalog(), GenerationRequest(**fields))


@pytest.fixture(scope="module")
def seen_by_the_unet():
    """(prompt, negative prompt, fields) -> (positive, negative) as the U-Net reads them, (L, C)."""
    real, unet = engine(), []

    def look(prompt: str, negative: str = "", **fields) -> tuple[torch.Tensor, torch.Tensor]:
        with manager("float32").lease(picturebook()) as models:
            hook = models.backbone.register_forward_pre_hook(
                lambda module, args, given: unet.append(given["encoder_hidden_states"].clone()),
                with_kwargs=True,
            )
            try:
                pictures(real, prompt=prompt, negative_prompt=negative, **(SMALL | fields))
            finally:
                hook.remove()
        against, wanted = unet[0]
        unet.clear()
        return wanted, against

    return look


def test_compel_s_blends_and_conjunctions_are_what_the_unet_reads(seen_by_the_unet):
    """Against sums and chains of what it reads of each text alone, written out."""
    compel = {"prompt_dialect": "invokeai"}
    house, empty = seen_by_the_unet("a red house")
    boat, snow = seen_by_the_unet("a (blue)1.5 boat", "snow", **compel)
    one, other = '"a red house"', '"a (blue)1.5 boat"'

    def is_read(prompt: str, positive: torch.Tensor, negative: torch.Tensor, *against: str):
        found = seen_by_the_unet(prompt, *against, **compel)
        for mine, expected in zip(found, (positive, negative), strict=True):
            assert mine.shape == expected.shape
            assert torch.allclose(mine, expected, atol=1e-5)

    is_read(f"({one}, {other}).blend(3, 1)", 0.75 * house + 0.25 * boat, empty)
    is_read(f"({one}, {other}).blend(1, -.5, no_normalize)", house - 0.5 * boat, empty)
    is_read(f"({one}, {other}).and()", torch.cat([house, boat]), torch.cat([empty, empty]))
    half = empty + 0.5 * (boat - empty)
    is_read(
        f"({one}, {other}).and(1, 0.5)", torch.cat([house, half]), torch.cat([snow, empty]), "snow"
    )
    is_read(
        "a red house", torch.cat([house, empty]), torch.cat([empty, snow]), '("", "snow").and()'
    )

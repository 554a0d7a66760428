"""A LoRA means something: the one that ships draws blueprints, by as much as it is asked to."""

from __future__ import annotations

import numpy as np
import pytest

from studio.domain.events import Failed
from studio.picturebook.blueprint import INK, PAPER
from tests.engine.running import pictures, run, settled
from tests.models_in_memory import engine

PROMPTS = (
    "a red house on a meadow at sunset",
    "a green tree in the desert by day",
    "an orange cat in the snow at dawn",
)

SMALL = {"steps": 2, "width": 64, "height": 64}


def drawn(prompt, *loras, **fields):
    settings = {"seed": 3, "steps": 6, "width": 128, "height": 128} | fields
    return [
        np.asarray(image) for image in pictures(engine(), prompt=prompt, loras=loras, **settings)
    ]


def colour_beyond_ink(image):
    """How far the pixels are, on average, from the colours between paper's blue and ink's white,
    in units of an 8-bit channel: 0 for a perfect blueprint."""
    along = np.array(INK, float) - PAPER
    pixels = image.astype(float) - PAPER
    share = np.clip(pixels @ along / (along @ along), 0, 1)[..., None]
    return float(np.linalg.norm(pixels - share * along, axis=-1).mean())


@pytest.mark.parametrize(
    "prompt", [PROMPTS[2], *(pytest.param(one, marks=pytest.mark.slow) for one in PROMPTS[:2])]
)
def test_pictures_have_the_look_of_the_lora(prompt):
    plain, half, full = (
        colour_beyond_ink(*drawn(prompt, *loras))
        for loras in ((), ("blueprint:0.5",), ("blueprint",))
    )
    assert full < 0.5 * plain
    assert full < half < plain


def test_with_weight_0_and_after_it_pictures_are_what_they_were():
    plain = drawn(PROMPTS[0], batch_size=2, **SMALL)
    for loras in (("blueprint:0",), ("blueprint",), ()):
        again = drawn(PROMPTS[0], *loras, batch_size=2, **SMALL)
        same = all(np.array_equal(a, b) for a, b in zip(plain, again, strict=True))
        assert same == (loras != ("blueprint",))


def test_the_text_encoders_weight_counts_by_itself():
    of_unet, of_both = (
        drawn(PROMPTS[1], look, **SMALL)[0] for look in ("blueprint:1:0", "blueprint")
    )
    of_words = drawn(PROMPTS[1], "blueprint:0:1", **SMALL)[0]
    plain = drawn(PROMPTS[1], **SMALL)[0]
    images = (plain, of_unet, of_words, of_both)
    assert len({image.tobytes() for image in images}) == 4


def test_a_lora_that_is_not_there_fails_before_the_first_step():
    last = run(engine(), settled(prompt="x", loras=("no such look",)))
    assert isinstance(last[-1], Failed) and last[-1].error == "UnknownModel"
    assert "no such look" in last[-1].message and "blueprint" in last[-1].message
    assert len(last) == 1

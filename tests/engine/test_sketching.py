"""Colours sketched over a picture: what is drawn takes them up, and nothing else is touched."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from studio.imaging.difference import max_outside
from studio.imaging.plans import plan
from tests.engine.pictures import Desk, box_mask, scene

pytestmark = pytest.mark.filterwarnings("ignore")

SIZE = (128, 128)
BLOB = (24, 84, 88, 120)
MASK = box_mask(SIZE, (16, 76, 96, 124))
PROMPT = {"prompt": "a red house on a meadow", "seed": 5, "steps": 6}
TO_IMAGE = {"kind": "image_to_image", "image": "image", "strength": 0.55}
INPAINT = {"kind": "inpaint", "image": "image", "mask": "mask", "strength": 0.55}


@pytest.fixture(scope="module")
def desk() -> Desk:
    sketch = Image.new("RGBA", SIZE)
    nothing = Image.new("RGBA", SIZE, (40, 90, 230, 0))
    sketch.paste((40, 90, 230, 255), BLOB)
    return Desk(image=scene(SIZE), mask=MASK, sketch=sketch, nothing=nothing)


def blueness(image: Image.Image) -> float:
    """How far blue is above the other channels where the blob is, 0 to 255 at most."""
    red, green, blue = np.asarray(image.crop(BLOB), float).mean(axis=(0, 1))
    return blue - max(red, green)


@pytest.mark.parametrize("task", [TO_IMAGE, INPAINT])
def test_a_blue_blob_of_which_the_prompt_says_nothing_becomes_blue(desk, task):
    [[plain], [sketched]] = (
        desk.draw(**PROMPT, task=task | more) for more in ({}, {"sketch": "sketch"})
    )
    assert blueness(plain.image) < 0 and blueness(sketched.image) > 50
    if task is INPAINT:
        [nothing] = desk.draw(**PROMPT, task=task | {"sketch": "nothing"})
        assert nothing.image.tobytes() == plain.image.tobytes()
        assert sketched.outside_mask_max_difference == 0
        mask = plan(desk.settled(**PROMPT, task=task), desk.files.__getitem__).mask
        assert max_outside(scene(SIZE), sketched.image, mask) == 0

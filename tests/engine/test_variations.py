"""Pictures on the way from one seed to another, and of a seed at another size."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from studio.domain.events import Finished
from studio.domain.request import GenerationRequest
from studio.gallery.packing import encode
from tests.engine.pictures import Desk, box_mask, scene
from tests.engine.running import pictures, run, settled
from tests.models_in_memory import engine

SMALL = {"prompt": "a red house on a meadow", "steps": 2, "width": 64, "height": 64, "seed": 11}
HIRES = {"hires": {"factor": 1.5, "strength": 0.6, "steps": 2}}
VARIED = {"variation_seed": 40, "variation_strength": 0.3}


def difference(one: Image.Image, other: Image.Image) -> float:
    """Mean, of a channel, 0 to 255."""
    return float(np.abs(np.asarray(one, np.float32) - np.asarray(other, np.float32)).mean())


def bytes_of(**fields) -> list[bytes]:
    return [image.tobytes() for image in pictures(engine(), **fields)]


@pytest.mark.parametrize(
    "more", [{}, {"scheduler": "Euler a"}, pytest.param(HIRES, marks=pytest.mark.slow)]
)
def test_strength_0_is_the_seed_s_picture_and_1_the_variation_seed_s(more):
    fields = SMALL | more
    assert bytes_of(**fields, variation_seed=40) == bytes_of(**fields)
    others = bytes_of(**fields | {"seed": 40})
    assert bytes_of(**fields, variation_seed=40, variation_strength=1) == others
    between = bytes_of(**fields | VARIED)
    assert between == bytes_of(**fields | VARIED)
    assert between not in (others, bytes_of(**fields))


def test_inpainting_and_image_to_image_vary_too():
    desk = Desk(image=scene((64, 64)), mask=box_mask((64, 64), (16, 16, 48, 48)))
    from_picture = {"image": "image", "strength": 0.8}
    repaint = from_picture | {"mask": "mask", "masked_content": "latent_noise"}
    for task in ({"kind": "image_to_image"} | from_picture, {"kind": "inpaint"} | repaint):

        def drawn(task=task, **fields):
            return desk.draw(**SMALL | fields, task=task)[0].image.tobytes()

        end = drawn(variation_seed=40, variation_strength=1)
        assert end == drawn(seed=40)
        assert drawn(**VARIED) not in (end, drawn())


@pytest.mark.parametrize(
    "scheduler", ["DPM++ 2M", pytest.param("DPM++ SDE", marks=pytest.mark.slow)]
)
def test_in_a_batch_the_variation_seeds_count_up(scheduler):
    fields = SMALL | VARIED | {"scheduler": scheduler}
    last = run(engine(), settled(**fields, batch_size=3))[-1]
    assert isinstance(last, Finished)
    assert [picture.seed for picture in last.pictures] == [11, 11, 11]
    for place, picture in enumerate(last.pictures):
        [alone] = pictures(engine(), **fields | {"variation_seed": 40 + place})
        assert difference(picture.image, alone) < 1
        stored = Image.open(io.BytesIO(encode(picture))).text
        assert f"Variation seed: {40 + place}, Variation seed strength: 0.3" in stored["parameters"]
        [again] = run(engine(), GenerationRequest.parse(stored["studio"]))[-1].pictures
        assert again.image.tobytes() == picture.image.tobytes()
        assert again.infotext == picture.infotext


def test_the_picture_moves_away_little_by_little():
    """Means of two pairs of seeds; a picture of another seed is what they end at."""
    fields = {"prompt": "a red house on a meadow", "steps": 4, "width": 64, "height": 64}
    moved = {0.05: [], 0.3: [], 1: []}
    for seed in (1, 2):
        [before] = pictures(engine(), **fields, seed=seed)
        for strength, of_strength in moved.items():
            variation = {"variation_seed": seed + 100, "variation_strength": strength}
            [after] = pictures(engine(), **fields, seed=seed, **variation)
            of_strength.append(difference(before, after))
    near, further, away = (float(np.mean(each)) for each in moved.values())
    assert 0 < near < further < away
    assert near < away / 3


def test_a_seed_from_another_size_is_the_same_there_and_another_elsewhere():
    from_small = {"seed_resize_from_width": 64, "seed_resize_from_height": 64}
    assert bytes_of(**SMALL, **from_small) == bytes_of(**SMALL)
    wide = SMALL | {"width": 96}
    assert bytes_of(**wide, **from_small) != bytes_of(**wide)
    both = from_small | {"variation_seed": 40, "variation_strength": 1}
    assert bytes_of(**wide, **both) == bytes_of(**wide | {"seed": 40}, **from_small)

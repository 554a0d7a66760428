"""Upload, repaint, widen and compare over real HTTP, with the embedded model."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageChops

from studio.picturebook.world import Scene
from tests import models_in_memory

SIDE = 128
BLUR = 4
REACH = int(2.5 * BLUR + 0.5)
"""Pixels by which the blur widens a mask."""
FEATHER = 16
"""The default of an outpaint's seam."""


@pytest.fixture(scope="module")
def scene():
    return Scene.random(np.random.default_rng(11), count=1).draw((SIDE, SIDE))


@pytest.fixture
def served(serve):
    def read(source):
        return served.studio.sources.read(source)

    served = serve(models_in_memory.engine(read=read))
    return served


def uploaded(served, image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    answer = served.http.post("/studio/v1/uploads", content=buffer.getvalue())
    return answer.raise_for_status().json()["ref"]


def drawn(served, task, **fields):
    """(the result as the job tells it, its PNG)."""
    id = served.submit(task=task, **{"steps": 3, "seed": 8} | fields)
    job = served.wait_until(id, "finished", "failed")
    assert job["state"] == "finished", job["message"]
    [image] = job["images"]
    return image, opened(served, image["url"])


def opened(served, url):
    return Image.open(io.BytesIO(served.http.get(url).raise_for_status().content))


def changed(before, after):
    """The box of all pixels that differ."""
    return ImageChops.difference(before.convert("RGB"), after.convert("RGB")).getbbox()


def test_a_scene_is_repainted_widened_and_compared(served, scene):
    mask = Image.new("L", scene.size)
    mask.paste(255, (80, 40, 120, 120))
    task = {"kind": "inpaint", "image": uploaded(served, scene), "mask": uploaded(served, mask)}
    image, repainted = drawn(served, task | {"mask_blur": BLUR}, prompt="a red house")
    left, top, right, bottom = changed(scene, repainted)
    assert left >= 80 - REACH and top >= 40 - REACH
    assert right <= 120 + REACH and bottom <= 120 + REACH
    assert image["outside_mask_max_difference"] == 0
    assert repainted.text["outside_mask_max_difference"] == "0"
    assert opened(served, image["url"] + "/before").tobytes() == scene.tobytes()
    assert opened(served, image["url"] + "/mask").tobytes() == mask.tobytes()
    heat = np.asarray(opened(served, image["url"] + "/difference")).astype(int)
    gray = (np.ptp(heat, axis=2) == 0) & (heat.max(axis=2) < 128)
    assert gray[:, : 80 - REACH].all() and not gray[60:100, 90:110].any()

    task = {"kind": "outpaint", "image": f"picture:{image['id']}", "right": SIDE // 2}
    image, wide = drawn(served, task, prompt="a red house")
    assert wide.size == (SIDE * 3 // 2, SIDE) and image["outside_mask_max_difference"] == 0
    beyond_the_seam = (0, 0, SIDE - FEATHER, SIDE)
    assert changed(repainted.crop(beyond_the_seam), wide.crop(beyond_the_seam)) is None
    canvas = opened(served, image["url"] + "/before")
    assert canvas.crop((0, 0, SIDE, SIDE)).tobytes() == repainted.tobytes()
    assert changed(canvas, wide)[0] >= SIDE - FEATHER


def test_strength_says_how_much_may_change(served, scene):
    task = {"kind": "image_to_image", "image": uploaded(served, scene)}
    apart = []
    for strength in (0, 0.3, 1):
        _, result = drawn(served, task | {"strength": strength}, prompt="a ship at night")
        apart.append(np.abs(np.asarray(result).astype(int) - np.asarray(scene)).mean())
    assert apart[0] == 0 and apart[0] < apart[1] < apart[2]


def test_a_photo_stays_a_large_photo(served, scene):
    photo = scene.resize((1000, 750), Image.Resampling.BICUBIC)
    mask = Image.new("L", photo.size)
    mask.paste(255, (600, 300, 760, 460))
    task = {"kind": "inpaint", "image": uploaded(served, photo), "mask": uploaded(served, mask)}
    image, result = drawn(served, task | {"area": "only_masked", "padding": 64})
    assert result.size == photo.size and image["outside_mask_max_difference"] == 0
    assert changed(photo, result)[0] >= 600 - REACH

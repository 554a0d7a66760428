"""An invisible mark: seen by nobody, read after what pictures go through, never read where none
is."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from PIL import Image

from studio.picturebook.world import Scene
from studio.provenance import code, watermark

ID = 0xABCDEF1


def scene(number: int, side: int = 512) -> Image.Image:
    return Scene.random(np.random.default_rng(number)).draw((side, side))


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    return scene(3)


@pytest.fixture(scope="module")
def marked(picture) -> Image.Image:
    return watermark.marked(picture, ID)


def jpeg(image: Image.Image, quality: int = 75) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(io.BytesIO(buffer.getvalue())).convert("RGB")


def scaled(image: Image.Image, by: float) -> Image.Image:
    return image.resize((round(image.width * by), round(image.height * by)))


def brighter(image: Image.Image, by: float) -> Image.Image:
    return image.point(lambda value: min(255, round(value * by)))


CHANGES = {
    "nothing": lambda image: image,
    "JPEG at 75": jpeg,
    "a half": lambda image: scaled(image, 0.5),
    "a half as JPEG": lambda image: jpeg(scaled(image, 0.5)),
    "cut to 60 %": lambda image: image.crop((91, 37, 398, 344)),
    "darker": lambda image: brighter(image, 0.9),
    "brighter": lambda image: brighter(image, 1.1),
}


@pytest.mark.parametrize("change", CHANGES)
def test_it_is_read_after(change, marked):
    assert watermark.read(CHANGES[change](marked)).id == ID


@pytest.mark.slow
@pytest.mark.parametrize("by", [0.6, 0.75, 1.3, 2.0])
def test_it_is_read_at_other_sizes(by, marked):
    found = watermark.read(scaled(marked, by))
    assert found.id == ID and found.scale == pytest.approx(by, rel=0.02)


def test_nobody_sees_it(picture, marked):
    change = np.asarray(marked, float) - np.asarray(picture, float)
    assert 10 * math.log10(255**2 / np.mean(change**2)) >= 42
    assert np.abs(change).max() < 16


def test_the_same_id_makes_the_same_bytes(picture, marked):
    assert watermark.marked(picture, ID).tobytes() == marked.tobytes()
    assert watermark.marked(picture, ID + 1).tobytes() != marked.tobytes()


def test_none_is_read_where_none_is():
    noise = np.random.default_rng(1).integers(0, 256, (256, 256, 3), np.uint8)
    for image in (scene(3, 256), Image.fromarray(noise), Image.new("RGB", (200, 160), "white")):
        found = watermark.read(image)
        assert found.id is None and found.agreement == 0


def test_a_word_is_read_with_one_in_seven_symbols_wrong():
    symbols = code.written(ID)
    wrong = np.random.default_rng(2).choice(len(symbols), len(symbols) // 7, replace=False)
    symbols[wrong] *= -1
    assert code.read(symbols)[0] == ID
    assert code.read(np.random.default_rng(3).normal(size=code.SYMBOLS))[0] is None

"""What the file of a training says of it, as other programs read it."""

from __future__ import annotations

import base64
import hashlib
import io
from dataclasses import replace

import pytest
from PIL import Image

from studio.domain.training import EmbeddingTraining, LoraTraining
from studio.training import dataset, result
from tests.training import tiny

LEARNT = {"steps": 9, "epochs": 2, "loss": 0.1, "resolution": 64, "precision": "no"}


@pytest.fixture
def pictures(tmp_path):
    Image.new("RGB", (600, 300), "tomato").save(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text("a kite, sea")
    Image.new("RGB", (300, 300), "navy").save(tmp_path / "b.png")
    (tmp_path / "b.txt").write_text("wind, sea")
    return dataset.read(tmp_path)


@pytest.mark.parametrize("kind", [LoraTraining, EmbeddingTraining])
def test_who_made_it_and_what_it_shows_is_said_if_that_is_wanted(kind, pictures):
    training = kind(name="kites", author="Ann", license="CC0-1.0", thumbnail=True)
    told = result.metadata(training, tiny.ref(), None, pictures, LEARNT)
    assert (told["modelspec.author"], told["modelspec.license"]) == ("Ann", "CC0-1.0")
    assert told["modelspec.tags"].split(", ")[0] == "sea"
    beginning, _, data = told["modelspec.thumbnail"].partition(",")
    small = Image.open(io.BytesIO(base64.b64decode(data)))
    assert (beginning, small.size) == ("data:image/jpeg;base64", (256, 128))
    assert small.getpixel((9, 9))[0] > 200 > small.getpixel((9, 9))[2], "the red one"
    pictures.pictures[0].path.unlink()
    assert "modelspec.thumbnail" not in result.metadata(
        training, tiny.ref(), None, pictures, LEARNT
    )
    told = result.metadata(kind(name="kites"), tiny.ref(), None, pictures, LEARNT)
    assert not {"modelspec.author", "modelspec.license", "modelspec.thumbnail"} & set(told)


def test_the_checkpoint_is_told_by_its_old_hash_too(pictures, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(bytes(0x100000) + b"x" * 0x10000 + b"more")
    ref = replace(tiny.ref(), file=replace(tiny.ref().file, path=path))
    told = result.metadata(LoraTraining(), ref, "ab" * 32, pictures, LEARNT)
    assert told["ss_sd_model_hash"] == hashlib.sha256(b"x" * 0x10000).hexdigest()[:8]
    assert told["ss_new_sd_model_hash"] == "ab" * 32
    assert "ss_sd_model_hash" not in result.metadata(
        LoraTraining(), tiny.ref(), None, pictures, LEARNT
    )

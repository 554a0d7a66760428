"""A mask of what is under a pointer, over HTTP."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from studio.app import Studio
from studio.engine.fake import FakeEngine
from studio.picturebook.vocabulary import CLASSES
from studio.picturebook.world import Scene
from studio.settings import Settings
from studio.web import create_api
from tests.detectors.onnx_files import write

SIZE = (256, 192)


@pytest.fixture
def http(tmp_path):
    models = tmp_path / "models"
    models.mkdir()
    write(models / "spots.onnx")
    write(models / "shapes.onnx", masks=True)
    folders = {"data_dir": tmp_path / "data", "models_dir": (models,)}
    settings = Settings(**folders, allow_host=("testserver",))
    with Studio(settings, build_engine=FakeEngine) as studio:
        yield TestClient(create_api(studio))


def uploaded(http, image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "PNG")
    return http.post("/studio/v1/uploads", content=file.getvalue()).json()["ref"]


def kept(http, ref: str) -> np.ndarray:
    found = http.get(f"/studio/v1/uploads/{ref.removeprefix('input:')}/view?kind=mask")
    return np.asarray(Image.open(io.BytesIO(found.content)))


def test_a_place_of_picturebooks_world_gives_the_outline_of_what_is_there(http):
    scene = Scene.random(np.random.default_rng(3))
    image = uploaded(http, scene.draw(SIZE))
    truth = scene.segmentation(SIZE)
    for name in ("house", scene.ground, "sky"):
        where = truth == CLASSES.index(name)
        y, x = np.argwhere(where)[where.sum() // 2]
        asked = {"image": image, "x": int(x), "y": int(y)}
        told = http.post("/studio/v1/select", json=asked).json()
        assert told["label"] == name and told["score"] > 0.5 and told["outlined"]
        mask = kept(http, told["mask"])
        assert mask.shape == SIZE[::-1] and set(np.unique(mask)) == {0, 255} and mask[y, x] == 255
        left, top, right, bottom = told["box"]
        assert (mask[top:bottom, left:right] > 0).sum() == (mask > 0).sum()
        hits = where & (mask > 0)
        assert hits.sum() > 0.8 * (mask > 0).sum()


def test_a_network_of_ones_own_gives_its_masks_or_its_boxes(http):
    image = Image.new("RGB", (128, 64), (40, 40, 40))
    image.paste((255, 0, 0), (16, 16, 32, 32))
    file = io.BytesIO()
    image.save(file, "PNG")
    uri = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    asked = {"image": uri, "x": 24, "y": 24, "detector": "spots"}
    told = http.post("/studio/v1/select", json=asked).json()
    assert told["label"] == "red" and not told["outlined"]
    left, top, right, bottom = told["box"]
    assert (kept(http, told["mask"])[top:bottom, left:right] == 255).all()

    shaped = http.post("/studio/v1/select", json=asked | {"detector": "shapes"}).json()
    assert shaped["label"] == "red" and shaped["outlined"]
    assert shaped["box"] == told["box"]
    mask = Image.fromarray(kept(http, shaped["mask"]))
    assert np.abs(np.subtract(mask.getbbox(), (16, 16, 32, 32))).max() <= 4

    for wrong, field, words in (
        ({"x": 100, "y": 50}, "", "spots finds nothing at 100, 50. It knows: red, blue."),
        ({"x": 128}, "x", "128 × 64 pixels"),
        ({"y": -1}, "", "y"),
        ({"detector": "nobody"}, "detector", "There are: Faces"),
        ({"detector": "Faces (BlazeFace)"}, "detector.detector", "Download them"),
        ({"image": "input:" + "0" * 32}, "image", ""),
    ):
        answer = http.post("/studio/v1/select", json=asked | wrong)
        assert answer.status_code in (404, 422), answer.text
        told = answer.json()
        assert (told.get("field") or "") == field and words in told["message"], told

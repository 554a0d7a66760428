"""Sets as other trainers want them: what is written is read again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from studio.domain.errors import InvalidRequest, NotFound
from studio.training import dataset, layouts


@pytest.fixture
def kites(tmp_path):
    """A set with all that one may have."""
    folder = tmp_path / "kites"
    files = {  # caption, None: no file for it
        "12_zork kite/a.png": None,
        "12_zork kite/Ünï.b.jpg": "[trigger],\nover the sea",
        "12_zork kite/bare.png": "",
        "3_zork kite/a.png": "a zork at night",
        "sub/A.webp": "far away",
        "d.png": None,
        "reg/1_old kite/r.png": None,
        "reg/s.png": "a kite of old",
    }
    for place, (name, caption) in enumerate(files.items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40 + place, 24), (30 * place, 80, 200)).save(path)
        if caption is not None:
            path.with_suffix(".txt").write_text(caption, "utf-8")
    (folder / "12_zork kite" / "masks").mkdir()
    Image.new("L", (41, 24), 200).save(folder / "12_zork kite" / "masks" / "Ünï.b.png")
    return folder


def told(pictures, repeats=True):
    """What matters of pictures, whatever they are called."""
    return sorted(
        (
            each.path.read_bytes(),
            " ".join(each.caption.split()),
            each.repeats if repeats else 1,
            each.mask.read_bytes() if each.mask else b"",
        )
        for each in pictures
    )


def below(folder: Path):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("layout", ["flat", "kohya", "metadata"])
def test_what_is_written_is_read_again(kites, tmp_path, layout):
    found, out = dataset.read(kites, trigger=None), tmp_path / "out"
    layouts.write(found, layout, "kites", out)
    again, is_kohya = dataset.read(out, trigger=None), layout == "kohya"
    assert told(again.pictures, is_kohya) == told(found.pictures, is_kohya)
    assert len(again.pictures) == 6
    assert told(again.prior) == (told(found.prior) if is_kohya else [])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kites", "out"]


def test_the_files_are_those_that_others_look_for(kites, tmp_path):
    found = dataset.read(kites, trigger=None)
    for layout in ("flat", "kohya", "metadata"):
        layouts.write(found, layout, "kites", tmp_path / layout)
    assert below(tmp_path / "flat") == {
        "a.png", "a.txt", "Ünï.b.jpg", "Ünï.b.txt", "masks/Ünï.b.png", "bare.png",
        "a-2.png", "a-2.txt", "A-3.webp", "A-3.txt", "d.png",
    }  # fmt: skip
    assert below(tmp_path / "kohya") == {
        "img/12_zork kite/a.png", "img/12_zork kite/a.txt",
        "img/12_zork kite/Ünï.b.jpg", "img/12_zork kite/Ünï.b.txt",
        "img/12_zork kite/masks/Ünï.b.png", "img/12_/bare.png",
        "img/3_zork kite/a.png", "img/3_zork kite/a.txt",
        "img/1_kites/A.webp", "img/1_kites/A.txt", "img/1_/d.png",
        "reg/1_old kite/r.png", "reg/1_old kite/r.txt", "reg/1_kites/s.png", "reg/1_kites/s.txt",
    }  # fmt: skip
    lines = (tmp_path / "metadata" / "metadata.jsonl").read_text("utf-8").splitlines()
    texts = {line["file_name"]: line["text"] for line in map(json.loads, lines)}
    assert texts["Ünï.b.jpg"] == "[trigger], over the sea" and texts["bare.png"] == ""
    assert set(texts) == below(tmp_path / "metadata") - {"metadata.jsonl", "masks/Ünï.b.png"}


def test_the_trigger_word_comes_into_captions_of_what_is_new(kites, tmp_path):
    layouts.write(dataset.read(kites, "zork"), "kohya", "kites", tmp_path / "out")
    found = dataset.read(tmp_path / "out", trigger=None)
    assert {each.caption for each in found.pictures} == {
        "zork kite", "zork, over the sea", "zork", "a zork at night", "zork, far away"
    }  # fmt: skip
    assert {each.caption for each in found.prior} == {"old kite", "a kite of old"}


def test_nothing_is_written_over_and_nothing_by_halves(kites, tmp_path):
    found = dataset.read(kites, trigger=None)
    for taken in (kites, kites / "d.png"):
        with pytest.raises(InvalidRequest, match="is there already and is no empty folder"):
            layouts.write(found, "flat", "kites", taken)
    (tmp_path / "out").mkdir()
    (kites / "d.png").unlink()
    for out in ("out", "new"):
        with pytest.raises(NotFound, match=r"d\.png is gone"):
            layouts.write(found, "flat", "kites", tmp_path / out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kites", "out"]
    assert not any((tmp_path / "out").iterdir())

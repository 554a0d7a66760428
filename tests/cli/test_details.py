"""`studio detail` and `studio detectors`; and what cannot be finished, told in one line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from studio.cli import main
from studio.gallery.files import Gallery
from studio.picturebook.world import Scene
from tests.detectors.onnx_files import write

SEGMENTER = "picturebook segmenter"


class Code:
    def __reduce__(self):
        return os.mkdir, ("it_ran",)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("STUDIO_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    Scene.random(np.random.default_rng(3)).draw((256, 192)).save("a.png")
    return tmp_path


def run(capsys, *arguments):
    """(status, stdout, stderr)."""
    status = main(arguments)
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def test_what_is_found_is_drawn_once_more_and_all_else_keeps_its_bytes(folder, capsys):
    status, out, told = run(
        capsys, "detail", "a.png", "--detailer", f"{SEGMENTER}:classes=house,padding=8", "--json",
        "--steps", "1", "--width", "64", "--height", "64", "--out", "drawn",
    )  # fmt: skip
    assert status == 0, told
    [path] = json.loads(out)["images"]
    picture = Gallery(folder / "drawn", flat=True).picture(Path(path).stem)
    [detail] = picture.details
    assert detail.label == "house" and picture.provenance.models
    was, now = (np.asarray(Image.open(name).convert("RGB")) for name in ("a.png", path))
    inside = np.zeros(was.shape[:2], bool)
    inside[detail.area.top : detail.area.bottom, detail.area.left : detail.area.right] = True
    assert (was == now)[~inside].all() and (was != now)[inside].any()


def test_detectors_are_listed_with_what_they_need(folder, capsys):
    write(folder / "models" / "spots.onnx")
    status, out, _ = run(capsys, "detectors", "list")
    assert status == 0
    faces, segmenter, spots = out.splitlines()
    assert "needs 7 MB from https://pypi.org" in faces and "needs" not in segmenter
    assert spots.startswith("spots") and "YOLO, 2 classes" in spots
    listed = json.loads(run(capsys, "detectors", "list", "--json")[1])["detectors"]
    assert [one["ready"] for one in listed] == [False, True, True]
    assert listed[2]["classes"] == ["red", "blue"]


REFUSED = [
    (("upscale", "a.png", "--upscaler", "evil"), "None of it was run. Get the model as"),
    (("upscale", "a.png", "--upscaler", "spots"), "spots is no upscaler, but a model of the kind"),
    (("upscale", "a.png", "--factor", "100"), "from 1 to 8"),
    (("upscale", "huge.png"), "81 megapixels; at most 64 are possible. Make it smaller"),
    (("detail", "a.png"), "Say what finds the things"),
    (("detail", "huge.png", "--detailer", SEGMENTER), "Make it smaller first"),
    (("detail", "a.png", "--detailer", "evil"), "None of it was run"),
    (("detail", "a.png", "--detailer", "Real-ESRGAN x4plus"), "but a model of the kind upscaler"),
    (("detail", "a.png", "--detailer", f"{SEGMENTER}:count=500"), "from 0 to 100"),
    (("reproduce", "huge.png"), "Make it smaller first"),
]


def test_what_cannot_be_is_told_in_one_line(folder, capsys):
    write(folder / "models" / "spots.onnx")
    torch.save({"params": Code()}, folder / "models" / "evil.pth")
    Image.new("1", (9000, 9000)).save("huge.png", compress_level=1)
    for arguments, says in REFUSED:
        status, out, told = run(capsys, *arguments)
        assert (status, out) == (2, "") and says in told, (arguments, told)
        assert len(told.splitlines()) == 1 and told.startswith("studio: "), told
    assert not Path("it_ran").exists()


def test_a_picture_of_one_pixel_is_enlarged(folder, capsys):
    Image.new("RGB", (1, 1), "red").save("one.png")
    status, out, _ = run(capsys, "upscale", "one.png", "--upscaler", "Lanczos", "--factor", "8")
    assert status == 0
    assert Image.open(out.strip()).getcolors() == [(64, (255, 0, 0))]


def test_a_disk_that_is_full_when_files_are_given_away_keeps_no_half_of_one(folder, capsys):
    Path("large").mkdir()
    Path("large/.of.jpg.part").symlink_to("/dev/full")
    status, out, told = run(
        capsys, "upscale", "a.png", "--upscaler", "Lanczos", "--out", "large",
        "--format", "jpeg", "--name", "of",
    )  # fmt: skip
    assert (status, out) == (1, "")
    assert "large/of.jpg cannot be written: No space left on device. Free some disk" in told
    assert not list(Path("large").glob("*.jpg")) and not list(Path("large").glob(".*.part"))

"""`studio upscale`: files and folders, larger."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from studio.cli import main
from studio.domain.request import GenerationRequest
from studio.gallery.files import Gallery


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A user in a folder with two pictures, one of which is none, and a third below it."""
    monkeypatch.setenv("STUDIO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "many").mkdir()
    Image.new("RGB", (20, 10), "tomato").save(tmp_path / "a.png")
    Image.new("RGB", (9, 9), "navy").save(tmp_path / "many" / "b.png")
    (tmp_path / "many" / "c.png").write_text("no picture")
    return tmp_path


def upscale(capsys, *arguments):
    """(status, stdout as JSON, stderr)."""
    status = main(["upscale", "--json", *map(str, arguments)])
    printed = capsys.readouterr()
    return status, json.loads(printed.out) if printed.out else None, printed.err


def test_files_and_folders(folder, capsys):
    status, printed, complaint = upscale(
        capsys, "a.png", "many", "--factor", "3", "--upscaler", "Lanczos",
        "--out", "large",
    )  # fmt: skip
    assert status == 2 and "many/c.png: image:" in complaint
    assert [Image.open(path).size for path in printed["images"]] == [(60, 30), (27, 27)]
    assert printed["sources"] == ["a.png", "many/b.png"]
    assert "Postprocess upscale by: 3, Postprocess upscaler: Lanczos" in printed["infotext"][0]


def test_a_network_by_default_and_what_ran_stands_in_the_file(folder, capsys):
    status, printed, _ = upscale(capsys, "a.png", "--out", "large")
    assert status == 0
    [path] = printed["images"]
    assert Image.open(path).size == (40, 20)
    request = Gallery(folder / "large", flat=True).request(Path(path).stem)
    assert isinstance(request, GenerationRequest)
    assert request.task.upscaler == "Real-ESRGAN animevideov3"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a.png", "--factor", "0"), "factor: '0' is not allowed, it must be a number from 1 to 8"),
        (("a.png", "--factor", "nan"), "task.factor: "),
        (("a.png", "--upscaler", "picturebook"), "picturebook is no upscaler, but a model of the"),
        (("nowhere.png",), "nowhere.png"),
    ],
)
def test_bad_input_is_told(capsys, arguments, message):
    status, printed, complaint = upscale(capsys, *arguments)
    assert status == 2 and printed is None and message in complaint

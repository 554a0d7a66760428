"""`studio generate --control …`: units from flags and request files, and what is refused."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from studio.app import Studio
from studio.cli import main
from studio.cli import running as command
from studio.domain.request import GenerationRequest
from studio.engine.fake import FakeEngine
from tests.control_nets import write_controlnets

FEW = ("--steps", "1", "--seed", "5", "--width", "64", "--height", "64", "--json")


@pytest.fixture(scope="module")
def nets(tmp_path_factory):
    return write_controlnets(tmp_path_factory.mktemp("nets"), "edges", "a, b")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch, nets):
    """A user in a folder with a picture, and an engine that draws at once."""
    monkeypatch.setenv("STUDIO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("STUDIO_MODELS_DIR", str(nets))
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (64, 64), "red").save("a, b.png")
    monkeypatch.setattr(
        command,
        "Studio",
        lambda *arguments, **more: Studio(*arguments, **more, build_engine=FakeEngine),
    )
    return tmp_path


def generate(capsys, *arguments):
    """(status, the request that was run, stderr)."""
    status = main(["generate", *FEW, *arguments])
    printed = capsys.readouterr()
    request = None
    if status == 0:
        path = json.loads(printed.out)["images"][0]
        request = GenerationRequest.parse(Image.open(path).text["studio"])
    return status, request, printed.err


def test_units_are_written_as_pairs(capsys):
    _, request, _ = generate(
        capsys,
        *["--control", "controlnet=a, b,image=a, b.png,preprocessor=canny,low_threshold=50"],
        *["--control", "controlnet=edges,image=a, b.png,mask=a, b.png,start=0.2,end=0.8,scale=1.5"],
    )
    one, two = request.controls
    assert (one.controlnet, one.preprocessor, one.settings) == (
        *("a, b", "canny", {"low_threshold": 50}),
    )
    assert one.image.startswith("input:") and two.mask == one.image
    assert (two.start, two.end, two.scale) == (0.2, 0.8, 1.5)


def test_units_of_a_request_file_can_be_run_again_and_replaced(capsys, folder):
    _, request, _ = generate(capsys, "--control", "controlnet=edges,image=a, b.png")
    (folder / "again.json").write_text(request.model_dump_json())
    (folder / "a, b.png").unlink()
    _, again, _ = generate(capsys, "--request", "again.json")
    assert again == request
    image = request.controls[0].image
    unit = f"controlnet=edges,image={image},scale=0.5"
    _, changed, _ = generate(capsys, "--request", "again.json", "--control", unit)
    assert [unit.scale for unit in changed.controls] == [0.5]


def test_without_an_image_a_unit_takes_the_one_that_is_changed(capsys):
    unit = "controlnet=edges,preprocessor=canny"
    _, request, _ = generate(capsys, "--init-image", "a, b.png", "--control", unit)
    assert request.controls[0].image is None
    status, _, error = generate(capsys, "--control", unit)
    assert status == 2 and "has no image" in error


@pytest.mark.parametrize(
    ("unit", "says"),
    [
        ("controlnet=edges,image=missing.png", "controls.0.image: 'missing.png': the file cannot"),
        ("controlnet=nothing,image=a, b.png", "'nothing' is unknown. There are: "),
        ("controlnet=picturebook,image=a, b.png", "is no ControlNet, but a checkpoint"),
        ("controlnet=edges,image=a, b.png,scale=nan", "controls.0.scale: 'nan' is not allowed"),
        ("controlnet=edges,image=a, b.png,scale=0", "above 0, up to 2"),
        ("controlnet=edges,image=a, b.png,start=0.9,end=0.1", "controls.0: it starts at 0.9"),
        ("controlnet=edges,image=a, b.png,preprocessor=openpose", "controls.0: OpenPose (body)"),
        ("controlnet=edges,image=a, b.png,preprocessor=inpaint_only", "needs a mask"),
        ("controlnet=edges,image=a, b.png,weight=1", "has no setting 'weight'"),
        ("edges", "is not understood"),
    ],
)
def test_bad_units_are_one_line(capsys, unit, says):
    status, _, error = generate(capsys, "--control", unit)
    lines = error.strip().splitlines()
    assert status == 2 and len(lines) == 1 and says in lines[0], error


def test_nine_units_are_too_many(capsys):
    unit = ["--control", "controlnet=edges,image=a, b.png"]
    status, _, error = generate(capsys, *unit * 9)
    assert status == 2 and "9 are too many, at most 8" in error
